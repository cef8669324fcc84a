/// How long an entry takes from the log's queue to the table: an average of one entry at a time.
struct CommitLatency {
    /// Nanoseconds; each new figure counts for an eighth.
    private(set) var nanoseconds: Int64 = 0
    /// Entries appended and applied since the partition's node leads: they come in one order.
    private var appended: UInt64 = 0
    private var applied: UInt64 = 0
    private var watched: (number: UInt64, since: Int64)?

    mutating func noteAppended(now: Int64) {
        appended += 1
        if watched == nil { watched = (appended, now) }
    }

    mutating func noteApplied(now: Int64) {
        applied += 1
        guard let entry = watched, applied >= entry.number else { return }
        nanoseconds += (now - entry.since - nanoseconds) / 8
        watched = nil
    }

    /// Another leadership: what was under way is another node's.
    mutating func restart() {
        (appended, applied, watched) = (0, 0, nil)
    }
}
