/// What a write was told, by its acknowledgement.
public struct WriteAnswer: Hashable, Sendable {
    /// What was asked for.
    public let acknowledgement: Acknowledgement
    /// Writes that were sent.
    public let writes: Int
    /// How many had each verdict; `nil` below `committed`.
    public internal(set) var counts: VerdictCounts?
    /// The topic's newest offset with the writes applied: a read "not before" it sees them all.
    /// `nil` below `committed`.
    public internal(set) var lastOffset: Offset?
    /// One for each write, in order, where `committedEach` was asked for; else empty.
    public internal(set) var results: [WriteResult] = []

    /// All writes are in the topic now.
    public var isFullyApplied: Bool {
        guard let counts else { return false }
        return counts.rejected == 0 && counts.failed == 0 && counts.invalid == 0
    }

    mutating func add(_ committed: Committed) {
        var sum = counts ?? VerdictCounts()
        sum.accepted += committed.counts.accepted
        sum.unchanged += committed.counts.unchanged
        sum.rejected += committed.counts.rejected
        sum.failed += committed.counts.failed
        sum.invalid += committed.counts.invalid
        counts = sum
        lastOffset = max(lastOffset ?? .start, committed.lastOffset)
        results += committed.results
    }
}
