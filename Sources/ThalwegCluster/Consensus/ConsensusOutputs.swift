public import ThalwegLog

/// What must be done after a step, in the order of the fields.
public struct ConsensusOutputs: Sendable {
    /// Durable before any message of this or a later step leaves.
    public var vote: Vote?
    /// Entries from here on are void: they are dropped before `entries` are appended.
    public var truncateFrom: UInt64?
    /// To be written and synced, then reported with `persisted`.
    public var entries: [LogEntry] = []
    /// The received snapshot to put in the place of state and log, then `installed`.
    public var install: SnapshotPoint?
    /// The entries of an `append` are the sender's log as it is now.
    public var messages: [(to: NodeID, message: ConsensusMessage)] = []
    /// The node's part changed.
    public var role: ConsensusRole?
    /// Entries up to here are committed; they need not be on this disk yet.
    public var commitIndex: UInt64?
    /// When `timeout` is due, in milliseconds.
    public var deadline: UInt64 = 0
}

/// A term and whom the node voted for in it: what it must never forget.
public struct Vote: Sendable, Hashable {
    public var term: UInt64
    public var candidate: NodeID

    public init(term: UInt64 = 0, candidate: NodeID = .none) {
        self.term = term
        self.candidate = candidate
    }
}

/// A node's part in its term.
public enum ConsensusRole: Sendable, Hashable {
    case follower
    case candidate
    case leader
}
