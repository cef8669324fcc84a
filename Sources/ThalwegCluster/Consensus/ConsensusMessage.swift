public import ThalwegLog

/// What nodes tell each other about the log. Any of them may be lost, delayed, doubled.
public enum ConsensusMessage: Sendable, Hashable {
    /// "These entries follow `previousIndex`"; without entries a heartbeat.
    case append(Append)
    case appendResult(AppendResult)
    case voteRequest(VoteRequest)
    case voteResult(VoteResult)
    /// "You need more than my log still has: take my snapshot." From the core it only names the
    /// need; the state itself travels in pieces, and the last of them gives the core this message.
    case install(SnapshotPoint, term: UInt64)
    /// "Stand for election now": a leader hands over.
    case timeoutNow(term: UInt64, lastIndex: UInt64, lastTerm: UInt64)

    public struct Append: Sendable, Hashable {
        public var term: UInt64
        public var previousIndex: UInt64
        public var previousTerm: UInt64
        /// What the leader knows to be committed.
        public var commitIndex: UInt64
        /// How many entries belong to it. The core says how many; whoever sends it puts them in.
        public var count: Int
        public var entries: [LogEntry] = []
    }

    public struct AppendResult: Sendable, Hashable {
        public var term: UInt64
        /// The `previousIndex` that did not fit, 0 if all was well.
        public var rejectedIndex: UInt64
        /// Durable here, as far as it agrees with the leader.
        public var lastIndex: UInt64
        /// Room on the disk in KiB, up to 65,535.
        public var capacity: UInt16
    }

    public struct VoteRequest: Sendable, Hashable {
        public var term: UInt64
        public var candidate: NodeID
        public var lastIndex: UInt64
        public var lastTerm: UInt64
        /// The leader asked for this election.
        public var disruptsLeader: Bool
        /// "Would you?", before the term is raised.
        public var isPreVote: Bool
    }

    public struct VoteResult: Sendable, Hashable {
        public var term: UInt64
        public var isGranted: Bool
        public var isPreVote: Bool
        public var capacity: UInt16
    }

    /// The sender's term.
    public var term: UInt64 {
        switch self {
        case .append(let message): message.term
        case .appendResult(let message): message.term
        case .voteRequest(let message): message.term
        case .voteResult(let message): message.term
        case .install(_, let term): term
        case .timeoutNow(let term, _, _): term
        }
    }
}
