import ThalwegModel
import ThalwegWire

/// A write to a topic in which `poison.c` runs.
struct PoisonWrite {
    var key: UInt64
    var value: UInt64
    var condition: WriteCondition?
}

struct PoisonBatch {
    var writes: [PoisonWrite]
    var isAtomic = false
    /// Of its first write in its session.
    var number: UInt64

    /// Mostly numbers that are added, and some that ask for each kind of end.
    static func random(_ random: inout SplitMix, number: UInt64) -> PoisonBatch {
        func below(_ end: UInt64) -> UInt64 { random.next() % end }
        let isAtomic = below(2) == 0
        let count = 1 + below(isAtomic ? 5 : 3)
        return PoisonBatch(
            writes: (0..<count).map { _ in
                var value = 12 + below(900) + 997 * below(1_000)
                switch below(24) {
                case 0: value = 17 * below(10_000) + 3
                case 1...3: value = 5 + below(7) + 997 * below(1_000)
                default: break
                }
                var condition: WriteCondition?
                switch below(20) {
                case 0: condition = .present
                case 1: condition = .absent
                case 2: condition = .versionEquals(RecordVersion(1 + below(4)))
                default: break
                }
                return PoisonWrite(key: below(16), value: value, condition: condition)
            }, isAtomic: isAtomic, number: number)
    }
}

/// What a topic with `poison.c` must come to, without any of the engine's ideas.
struct NaivePoison {
    struct Answer: Equatable {
        var verdict: Verdict
        /// Of the program's reject.
        var code: UInt32?
        var offset: UInt64 = 0
        var version: UInt64 = 0
    }

    private struct State {
        var sums: [UInt64: UInt64] = [:]
        var changes: UInt64 = 0
        var records: [UInt64: (row: [UInt8], version: UInt64)] = [:]
        var last: UInt64 = 0
    }

    private var state = State()
    private var answers: [UInt64: [Answer]] = [:]
    private(set) var writes: UInt64 = 0
    private(set) var rejected: UInt64 = 0
    private(set) var failed: UInt64 = 0

    var records: [[UInt8]: [UInt8]] {
        Dictionary(
            uniqueKeysWithValues: state.records.map { (bytes(of: $0.key), $0.value.row) })
    }

    var last: UInt64 { state.last }

    mutating func run(_ batch: PoisonBatch) -> [Answer] {
        if let known = answers[batch.number] { return known }
        let answer = batch.isAtomic && batch.writes.count > 1 ? runWhole(batch) : runEach(batch)
        answers[batch.number] = answer
        return answer
    }

    private mutating func runEach(_ batch: PoisonBatch) -> [Answer] {
        batch.writes.map { write in
            guard holds(write) else { return Answer(verdict: .invalid) }
            let before = state
            let answer = run(write)
            count(answer, 1)
            if answer.verdict != .accepted { state = before }
            return answer
        }
    }

    private mutating func runWhole(_ batch: PoisonBatch) -> [Answer] {
        let count = batch.writes.count
        guard batch.writes.allSatisfy({ holds($0) }) else {
            return Array(repeating: Answer(verdict: .invalid), count: count)
        }
        let before = state
        var told: [Answer] = []
        for write in batch.writes {
            let answer = run(write)
            guard answer.verdict == .accepted else {
                state = before
                self.count(answer, UInt64(count))
                return Array(repeating: answer, count: count)
            }
            told.append(answer)
        }
        writes += UInt64(count)
        return told
    }

    private mutating func count(_ answer: Answer, _ number: UInt64) {
        writes += number
        if answer.verdict == .rejected { rejected += number }
        if answer.verdict == .failed { failed += number }
    }

    private func holds(_ write: PoisonWrite) -> Bool {
        let record = state.records[write.key]
        switch write.condition {
        case nil: return true
        case .absent: return record == nil
        case .present: return record != nil
        case .versionEquals(let version): return record?.version == version.rawValue
        }
    }

    /// The rules of `Programs/poison.c`.
    private mutating func run(_ write: PoisonWrite) -> Answer {
        let x = write.value
        if x % 17 == 3 { return Answer(verdict: .rejected, code: 42) }
        switch x % 997 {
        case 5, 6, 8: return Answer(verdict: .failed)
        case 7: return Answer(verdict: .rejected, code: 43)
        default: break
        }
        state.sums[write.key, default: 0] += x
        state.changes += 1
        switch x % 997 {
        case 9:
            return Answer(verdict: .accepted, offset: state.last)
        case 10:
            return put(write.key, x)
        case 11:
            _ = put(write.key, state.changes)
            return put(write.key, state.sums[write.key] ?? 0)
        default:
            return put(write.key, state.sums[write.key] ?? 0)
        }
    }

    private mutating func put(_ key: UInt64, _ number: UInt64) -> Answer {
        state.last += 1
        let version = (state.records[key]?.version ?? 0) + 1
        state.records[key] = (bytes(of: number), version)
        return Answer(verdict: .accepted, offset: state.last, version: version)
    }
}
