import ThalwegEngine
import ThalwegModel
import ThalwegWire

/// Sessions that number their writes to a topic that keeps every one, with all of its history. Each
/// write that was accepted is in the history once, at the offset that its writer was told, in the
/// order of its session; nothing else is there.
final class LedgerWorkload: SimulatedWorkload {
    let topics = [
        TopicDefinition(
            name: "ledger", keyKind: .u64, schema: nil,
            options: TopicOptions(
                writes: .every, history: .forever, tombstoneRetentionMicroseconds: 60_000_000))
    ]
    let clients = 3
    private static let keys = 9
    private var sessions: [SimulatedSession] = []
    /// Writes made so far by each client: the number of one is in its row.
    private var made: [UInt64]
    /// What each write was told, by client and number; of retractions, which have no row, apart.
    private var told: [Name: WriteOutcome] = [:]
    private var retracted: [UInt64: Name] = [:]
    /// Versions seen, for conditions.
    private var versions: [UInt64: UInt64] = [:]

    private struct Name: Hashable, Comparable {
        var client: UInt64
        var number: UInt64

        static func < (left: Name, right: Name) -> Bool {
            (left.client, left.number) < (right.client, right.number)
        }
    }

    /// What a batch of the client asks for, in order, by the batch's first number.
    private var asked: [Name: [(key: UInt64, isRetraction: Bool)]] = [:]
    private weak var simulation: Simulation?

    init() {
        made = Array(repeating: 0, count: clients)
        for client in 0..<clients {
            sessions.append(
                SimulatedSession(
                    UInt64(client + 1), source: UInt16(40 + client), topic: "ledger"
                ) { [unowned self] sent, completion in
                    take(sent, completion, client)
                })
        }
    }

    func act(_ client: Int, _ simulation: Simulation) throws(ThalwegError) {
        self.simulation = simulation
        try sessions[client].act(simulation) { make(client, simulation.random) }
    }

    private func make(_ client: Int, _ random: SeededGeneratorBox) -> SimulatedBatch {
        var batch = SimulatedBatch()
        batch.wantsEach = true
        batch.isAtomic = random.once(in: 5)
        let first = Name(client: UInt64(client), number: made[client] + 1)
        for _ in 0..<1 + random.below(4) {
            made[client] += 1
            let key = UInt64(random.below(Self.keys))
            var condition: WriteCondition?
            switch random.below(8) {
            case 0: condition = .absent
            case 1: condition = .present
            case 2: condition = .versionEquals(RecordVersion(versions[key] ?? 1))
            default: break
            }
            let isRetraction = random.once(in: 6)
            if isRetraction {
                batch.retract(key, if: condition)
            } else {
                let row = UInt64(client).littleEndianBytes + made[client].littleEndianBytes
                let metadata: [UInt8]? = random.once(in: 4) ? [UInt8(client), 1, 2] : nil
                batch.assert(key, row, if: condition, metadata: metadata)
            }
            asked[first, default: []].append((key, isRetraction))
        }
        return batch
    }

    private func take(_ sent: SimulatedSession.Sent, _ completion: Completion, _ client: Int) {
        let first = Name(client: UInt64(client), number: sent.number)
        guard let asked = asked.removeValue(forKey: first),
            asked.count == completion.results.count
        else {
            simulation?.fail("batch \(first) was answered with \(completion.results.count) results")
            return
        }
        for (position, outcome) in completion.results.enumerated() {
            let name = Name(client: first.client, number: first.number + UInt64(position))
            told[name] = outcome
            guard outcome.verdict == .accepted else { continue }
            versions[asked[position].key] = outcome.version.rawValue
            if asked[position].isRetraction { retracted[outcome.offset.rawValue] = name }
        }
    }

    func isAtRest(_ leader: SimulatedNode, _ simulation: Simulation) -> Bool {
        sessions.allSatisfy { $0.unanswered == 0 }
    }

    func checkEnd(_ leader: SimulatedNode, _ simulation: Simulation) throws(ThalwegError) {
        guard let topic = leader.machine.id(of: "ledger") else {
            return simulation.fail("there is no ledger")
        }
        if UInt64(told.count) != made.reduce(0, +) {
            simulation.fail("\(told.count) of \(made.reduce(0, +)) numbered writes were answered")
        }
        let all = simulation.nodes.filter {
            $0.isUp && $0.machine.appliedIndex == leader.machine.appliedIndex
        }
        for node in all {
            var position = FeedPosition.tail(
                try node.machine.partition.startOfHistory(topic))
            let changes = try SimulatedDelivery.all(
                node.machine.partition, topic, &position, tellsEvery: true)
            compare(changes, simulation)
        }
    }

    private func compare(_ changes: [SimulatedChange], _ simulation: Simulation) {
        var accepted = told.filter { $0.value.verdict == .accepted }
        var last: [UInt64: UInt64] = [:]
        var versions: [UInt64: UInt64] = [:]
        for (index, change) in changes.enumerated() {
            if change.offset != UInt64(index + 1) {
                simulation.fail("change \(index + 1) of the ledger has offset \(change.offset)")
            }
            let name: Name?
            if change.kind == .deleted || change.row.isEmpty {
                name = retracted[change.offset]
            } else {
                let own = Name(
                    client: UInt64(firstOf: change.row),
                    number: UInt64(firstOf: change.row.dropFirst(8)))
                // What a retraction left to others is told with their row.
                name =
                    accepted[own]?.offset.rawValue == change.offset
                    ? own : retracted[change.offset] ?? own
            }
            guard let name, let outcome = accepted.removeValue(forKey: name) else {
                simulation.fail("change \(change.offset) of the ledger is nobody's, or twice there")
                continue
            }
            if outcome.offset.rawValue != change.offset
                || outcome.version.rawValue != change.version
            {
                simulation.fail(
                    "write \(name) was told \(outcome) and is at \(change.offset), version "
                        + "\(change.version)")
            }
            if name.number <= last[name.client] ?? 0 {
                simulation.fail("write \(name) stands behind \(last[name.client] ?? 0)")
            }
            last[name.client] = name.number
            if change.version <= versions[change.key] ?? 0 {
                simulation.fail("key \(change.key) went back to version \(change.version)")
            }
            versions[change.key] = change.version
        }
        if let lost = accepted.keys.min() {
            simulation.fail("write \(lost) was accepted and is not in the ledger")
        }
    }
}
