public import ThalwegLog

extension ConsensusCore {
    /// What a node's disk holds when it starts.
    public struct Recovered: Sendable {
        /// An entry as far as the core is concerned.
        public struct Place: Sendable {
            public var term: UInt64
            public var kind: LogEntry.Kind
            /// Of entries with members only.
            public var payload: [UInt8]

            public init(term: UInt64, kind: LogEntry.Kind, payload: [UInt8] = []) {
                self.term = term
                self.kind = kind
                self.payload = payload
            }

            public init(_ entry: LogEntry) {
                self.init(
                    term: entry.term, kind: entry.kind,
                    payload: entry.kind == .membership ? entry.payload : [])
            }
        }

        public var vote: Vote
        public var snapshot: SnapshotPoint?
        /// The entries behind the snapshot, or from the first on.
        public var entries: [Place]

        public init(
            vote: Vote = Vote(), snapshot: SnapshotPoint? = nil, entries: [Place] = []
        ) {
            self.vote = vote
            self.snapshot = snapshot
            self.entries = entries
        }
    }
}
