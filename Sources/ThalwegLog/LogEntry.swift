/// One entry of the log: an opaque payload with its place in the order of everything.
public struct LogEntry: Sendable, Hashable {
    /// Its place: 1, 2, 3, … without gaps.
    public let index: UInt64
    /// Routing that the log stores and never reads (which partition the payload belongs to).
    public let tag: UInt32
    /// The bytes, up to 64 MiB.
    public let payload: [UInt8]

    public init(index: UInt64, tag: UInt32, payload: [UInt8]) {
        self.index = index
        self.tag = tag
        self.payload = payload
    }
}
