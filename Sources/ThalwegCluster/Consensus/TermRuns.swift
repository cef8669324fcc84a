/// The terms of a log's entries, a run for each leader.
///
/// Invariants: runs ascend in index and in term and do not overlap; the first begins at
/// `base + 1`; entries are `base + 1 ... last`.
struct TermRuns: Sendable, Hashable {
    private struct Run: Sendable, Hashable {
        var firstIndex: UInt64
        var term: UInt64
    }

    private var runs: [Run] = []
    /// The log begins behind this index.
    private(set) var base: UInt64
    private(set) var last: UInt64

    /// An empty log that goes on behind `base`.
    init(behind base: UInt64) {
        self.base = base
        last = base
    }

    /// The term of an entry that the log holds; 0 for others.
    func term(at index: UInt64) -> UInt64 {
        guard index > base, index <= last else { return 0 }
        return runs.last { $0.firstIndex <= index }?.term ?? 0
    }

    mutating func append(term: UInt64) {
        last += 1
        if let newest = runs.last {
            precondition(newest.term <= term, "terms ascend in a log")
            if newest.term == term { return }
        }
        runs.append(Run(firstIndex: last, term: term))
    }

    mutating func truncate(from index: UInt64) {
        precondition(index > base, "what is in a snapshot stays")
        guard index <= last else { return }
        last = index - 1
        while let newest = runs.last, newest.firstIndex > last { runs.removeLast() }
    }

    /// Forgets entries up to `index`.
    mutating func dropPrefix(through index: UInt64) {
        guard index > base else { return }
        precondition(index <= last, "within the log")
        let kept = term(at: index + 1)
        base = index
        runs.removeAll { $0.firstIndex <= index }
        if kept > 0, runs.first?.firstIndex != index + 1 {
            runs.insert(Run(firstIndex: index + 1, term: kept), at: 0)
        }
    }
}
