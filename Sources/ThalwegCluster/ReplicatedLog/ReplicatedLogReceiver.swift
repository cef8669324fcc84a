public import ThalwegLog
public import ThalwegModel

/// Who is told what a replicated log does. Everything but `restored` is called on the log's own
/// thread, in one order, and may not block; nothing may call `stop()`.
public struct ReplicatedLogReceiver: Sendable {
    /// Commands that are committed and durable here, in index order. Indices have gaps: entries
    /// that only consensus is concerned with are left out.
    public var committed: @Sendable ([LogEntry]) -> Void = { _ in }
    /// This node leads in this term and has given out everything that earlier leaders left: appends
    /// of the term are taken.
    public var leads: @Sendable (_ term: UInt64) -> Void = { _ in }
    /// It leads no longer: what it appended and did not see committed may come, or never. Called
    /// before anything that a later leader committed.
    public var follows: @Sendable () -> Void = {}
    /// Who leads, as far as known; nil while nobody is.
    public var leader: @Sendable (Member?) -> Void = { _ in }
    /// A snapshot from the leader replaces the state: drop what there is and load it, before this
    /// returns. On a thread of its own; nothing is committed until it returns, and `leader` may be
    /// called meanwhile.
    public var restored: @Sendable (SnapshotReader) throws(ThalwegError) -> Void = { _ in }
    /// The disk has no room for the log, or has some again. Nothing is committed here meanwhile.
    public var diskFull: @Sendable (Bool) -> Void = { _ in }
    /// Nobody leads because this node, whose turn it would be, has no room, or somebody may again.
    public var roomless: @Sendable (Bool) -> Void = { _ in }
    /// The log can go on no more; nothing is called after it.
    public var failed: @Sendable (ThalwegError) -> Void = { _ in }

    public init() {}
}
