/// What a log counted since it was opened, and what it holds now.
public struct LogStatistics: Sendable, Hashable {
    /// Entries made durable.
    public var entries: UInt64 = 0
    /// Payload bytes made durable.
    public var payloadBytes: UInt64 = 0
    /// Groups written; `entries / groups` is how many entries shared one sync.
    public var groups: UInt64 = 0
    /// Syncs of segment files.
    public var syncs: UInt64 = 0
    /// Bytes queued and not yet durable.
    public var queuedBytes: Int = 0
    /// Segment files that exist.
    public var segments: Int = 0
    /// The newest durable snapshot's index, 0 without one.
    public var snapshotIndex: UInt64 = 0
    /// The index given last.
    public var lastIndex: UInt64 = 0
    /// Everything up to here is durable.
    public var durableIndex: UInt64 = 0
    /// Frames from other nodes that could not be read or belonged elsewhere.
    public var refusedFrames: UInt64 = 0
    /// The disk has no room: appends are refused until a retry succeeds.
    public var isDiskFull = false

    public init() {}
}
