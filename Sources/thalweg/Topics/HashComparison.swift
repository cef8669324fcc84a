import ThalwegModel

/// What several nodes said that a topic comes to, at which of its offsets. They are compared where all
/// of them were seen; a change of membership alone has no offset, so one difference may be of a moment,
/// and one agreement means that they are the same.
struct HashComparison {
    enum Verdict: Equatable {
        /// All said the same at this offset.
        case same(Offset, hash: UInt64)
        /// Never, though all were seen at this offset.
        case different(Offset)
        /// They were not seen at one offset yet.
        case open
    }

    private var seen: [[Offset: UInt64]]

    init(nodes: Int) {
        seen = Array(repeating: [:], count: nodes)
    }

    mutating func note(_ node: Int, _ offset: Offset, _ hash: UInt64) {
        seen[node][offset] = hash
    }

    /// What each node said at an offset.
    func hashes(at offset: Offset) -> [UInt64] { seen.compactMap { $0[offset] } }

    var verdict: Verdict {
        let common = (seen.first ?? [:]).keys.filter { offset in
            seen.allSatisfy { $0[offset] != nil }
        }.sorted()
        for offset in common.reversed() {
            let hashes = Set(hashes(at: offset))
            if hashes.count == 1, let hash = hashes.first { return .same(offset, hash: hash) }
        }
        return common.last.map { .different($0) } ?? .open
    }
}
