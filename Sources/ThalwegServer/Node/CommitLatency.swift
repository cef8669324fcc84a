/// How long an entry takes from the log's queue to the table: an average of one entry at a time.
struct CommitLatency {
    /// Nanoseconds; each new figure counts for an eighth.
    private(set) var nanoseconds: Int64 = 0
    private var watched: (index: UInt64, since: Int64)?

    mutating func appended(_ index: UInt64, now: Int64) {
        if watched == nil { watched = (index, now) }
    }

    mutating func applied(_ index: UInt64, now: Int64) {
        guard let entry = watched, index >= entry.index else { return }
        nanoseconds += (now - entry.since - nanoseconds) / 8
        watched = nil
    }
}
