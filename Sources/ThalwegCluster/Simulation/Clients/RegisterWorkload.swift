import ThalwegEngine
import ThalwegModel
import ThalwegWire

/// Clients that read the newest state of a few records and write them, mostly where they are as they
/// were read. What they saw must be linearizable, record by record, whatever leader they met.
final class RegisterWorkload: SimulatedWorkload {
    let topics = [
        TopicDefinition(
            name: "registers", keyKind: .u64, schema: nil,
            options: TopicOptions(
                writes: .coalesced(windowMicroseconds: 6_000),
                tombstoneRetentionMicroseconds: 60_000_000)),
        TopicDefinition(
            name: "sequenced", keyKind: .u64, schema: nil,
            options: TopicOptions(writes: .every, tombstoneRetentionMicroseconds: 60_000_000)),
    ]
    let clients = 4
    private static let keys = 4
    /// The search is short where few operations are open at a time. The last of them are for the
    /// calm: somebody must be seen to get on then.
    private static let operationsPerRecord = 60
    private static let operationsInCalm = 15
    private var operations: [[String]: [RecordOperation]] = [:]
    private var isWaiting: [Bool]
    /// What each client read last: value and version.
    private var seen: [[String]: (value: UInt64, version: UInt64)?] = [:]
    private var values: UInt64 = 0

    init() {
        isWaiting = Array(repeating: false, count: clients)
    }

    func act(_ client: Int, _ simulation: Simulation) throws(ThalwegError) {
        guard !isWaiting[client], !simulation.isStopping,
            let node = simulation.chooseLeader(),
            let name = simulation.random.pick(topics.map(\.name)),
            let topic = node.machine.id(of: name)
        else { return }
        let key = UInt64(simulation.random.below(Self.keys))
        let record = [name, String(key)]
        let kept = simulation.isCalm ? 0 : Self.operationsInCalm
        guard operations[record, default: []].count < Self.operationsPerRecord - kept else {
            return
        }
        isWaiting[client] = true
        if simulation.random.once(in: 3) {
            try read(client, record, key, topic, node, simulation)
        } else {
            try write(client, record, key, topic, node, simulation)
        }
    }

    private func read(
        _ client: Int, _ record: [String], _ key: UInt64, _ topic: TopicID,
        _ node: SimulatedNode, _ simulation: Simulation
    ) throws(ThalwegError) {
        let calledAt = simulation.now
        try simulation.readNewest(at: node) { [self, unowned simulation] isConfirmed in
            isWaiting[client] = false
            guard isConfirmed else { return }
            do throws(ThalwegError) {
                let found = try node.machine.read(topic, key)
                let value = found.map { UInt64(firstOf: $0.row) }
                seen[record + [String(client)]] = .some(
                    found.map { (UInt64(firstOf: $0.row), $0.version) })
                operations[record, default: []].append(
                    RecordOperation(
                        .read(value), calledAt: calledAt, answeredAt: simulation.now))
            } catch {
                simulation.fail("a read was refused: \(error)")
            }
        }
    }

    private func write(
        _ client: Int, _ record: [String], _ key: UInt64, _ topic: TopicID,
        _ node: SimulatedNode, _ simulation: Simulation
    ) throws(ThalwegError) {
        values += 1
        // `nil`: gone. All clients are one source, so a retraction deletes.
        let value: UInt64? = simulation.random.once(in: 6) ? nil : values
        var condition: WriteCondition?
        var expected: UInt64?
        if let read = seen[record + [String(client)]], !simulation.random.once(in: 4) {
            expected = read?.value
            condition = read.map { .versionEquals(RecordVersion($0.version)) } ?? .absent
        }
        var batch = SimulatedBatch()
        batch.wantsEach = true
        if let value {
            batch.assert(key, value.littleEndianBytes, if: condition)
        } else {
            batch.retract(key, if: condition)
        }
        let index = operations[record, default: []].count
        let kind: RecordOperation.Kind =
            condition == nil
            ? .write(value) : .writeIf(expected: expected, value: value, wasTaken: false)
        operations[record, default: []].append(
            RecordOperation(kind, calledAt: simulation.now, answeredAt: nil))
        let isConditional = condition != nil
        try simulation.write(batch, to: topic, at: node, source: 30) {
            [self, unowned simulation] answer in
            isWaiting[client] = false
            guard let completion = answer.completion, let outcome = completion.results.first else {
                return
            }
            operations[record]?[index].answeredAt = simulation.now
            if isConditional {
                operations[record]?[index].kind = .writeIf(
                    expected: expected, value: value, wasTaken: outcome.verdict != .invalid)
            } else if outcome.verdict == .invalid {
                simulation.fail("a plain write was refused: \(outcome)")
            }
        }
    }

    func isAtRest(_ leader: SimulatedNode, _ simulation: Simulation) -> Bool {
        !isWaiting.contains(true)
    }

    func checkEnd(_ leader: SimulatedNode, _ simulation: Simulation) {
        for record in operations.keys.sorted(by: { $0.joined() < $1.joined() }) {
            let history = operations[record, default: []]
            simulation.report.ordered += history.count
            if !Linearizability.check(history) {
                simulation.fail("record \(record) is not linearizable: \(history)")
            }
        }
    }
}
