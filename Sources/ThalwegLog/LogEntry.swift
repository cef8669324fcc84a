/// One entry of the log: an opaque payload with its place in the order of everything.
public struct LogEntry: Sendable, Hashable {
    /// What an entry is for.
    public enum Kind: UInt8, Sendable {
        /// Bytes of whoever appended it.
        case command = 0
        /// Without bytes: a leader's first entry of its term.
        case barrier = 1
        /// The members of the cluster from here on.
        case membership = 2
    }

    /// Its place: 1, 2, 3, … without gaps.
    public let index: UInt64
    /// Routing that the log stores and never reads (which partition the payload belongs to).
    public let tag: UInt32
    /// The bytes, up to 64 MiB.
    public let payload: [UInt8]
    /// The term of the leader that cut it; 0 in the log of a node that stands alone.
    public let term: UInt64
    public let kind: Kind

    public init(
        index: UInt64, tag: UInt32, payload: [UInt8], term: UInt64 = 0, kind: Kind = .command
    ) {
        self.index = index
        self.term = term
        self.kind = kind
        self.tag = tag
        self.payload = payload
    }
}
