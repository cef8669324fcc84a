/// The server's counters around a load.
struct ServerCounters: Sendable {
    private(set) var before: [String: UInt64]
    private(set) var after: [String: UInt64]

    init(before: [String: UInt64], after: [String: UInt64]) {
        self.before = before
        self.after = after
    }

    /// Those that tell a state and not how often something happened.
    private static let states: Set<String> = [
        "connections", "fsync_always", "lagging", "log_segments", "loops", "memory_bytes", "pid",
        "records",
        "snapshot_index", "subscriptions", "tombstones", "topics", "window_us",
    ]

    func now(_ name: String) -> UInt64? { after[name] }

    /// By how much a counter grew; `nil` where the server does not have it.
    func grown(_ name: String) -> UInt64? {
        guard let end = after[name] else { return nil }
        let start = before[name] ?? 0
        return end >= start ? end - start : 0
    }

    /// Adds a later phase: what grew between the two is of neither.
    mutating func add(_ later: ServerCounters) {
        for (name, value) in later.after {
            let both = (grown(name) ?? 0) + (later.grown(name) ?? 0)
            before[name] = value - min(value, both)
        }
        after = later.after
    }

    /// States as they are, the others by how much they grew.
    var all: [String: UInt64] {
        var all: [String: UInt64] = [:]
        for (name, value) in after {
            all[name] = Self.states.contains(name) ? value : grown(name)
        }
        return all
    }
}
