import ThalwegModel

/// How long an entry takes from the append until it is applied, and until readers at the tail were
/// sent it. On the partition's loop.
struct CommitLatency {
    /// Nanoseconds until it was sent; each new figure counts for an eighth.
    private(set) var mean: Int64 = 0
    /// How far figures are from the mean, on average; each counts for a quarter.
    private(set) var deviation: Int64 = 0
    /// Of all that were watched.
    private(set) var histogram = DurationHistogram()
    /// Entries appended and applied since the partition's node leads: they come in one order.
    private var appended: UInt64 = 0
    private var applied: UInt64 = 0
    private var watched: (number: UInt64, since: Int64)?

    /// What few take longer than, in nanoseconds: estimated as TCP does its timeouts (RFC 6298), with
    /// half of its margin.
    var usual: Int64 { mean + 2 * deviation }

    mutating func noteAppended(now: Int64) {
        appended += 1
        if watched == nil { watched = (appended, now) }
    }

    mutating func noteApplied(now: Int64) {
        applied += 1
        guard let entry = watched, applied >= entry.number else { return }
        histogram.record(UInt64(max(0, now - entry.since)))
    }

    /// What was applied was sent to those who read at the tail, if there are any.
    mutating func noteSent(now: Int64) {
        guard let entry = watched, applied >= entry.number else { return }
        let error = now - entry.since - mean
        deviation += (abs(error) - deviation) / 4
        mean += error / 8
        watched = nil
    }

    /// Another leadership: what was under way is another node's.
    mutating func restart() {
        (appended, applied, watched) = (0, 0, nil)
    }
}
