import ThalwegEngine
import ThalwegModel
import ThalwegWire

/// Records that expire unless they are asserted again. None goes before its time, whatever leaders
/// and clocks do; in the end all are gone.
final class FleetingWorkload: SimulatedWorkload {
    private static let lifetime: UInt64 = 700_000
    private static let keys = 5
    let topics = [
        TopicDefinition(
            name: "fleeting", keyKind: .u64, schema: nil,
            options: TopicOptions(
                writes: .coalesced(windowMicroseconds: 5_000),
                timeToLiveMicroseconds: FleetingWorkload.lifetime,
                tombstoneRetentionMicroseconds: 400_000)),
        TopicDefinition(
            name: "passing", keyKind: .u64, schema: nil,
            options: TopicOptions(
                writes: .every, timeToLiveMicroseconds: FleetingWorkload.lifetime,
                tombstoneRetentionMicroseconds: 400_000)),
    ]
    let clients = 2
    private var isWaiting: [Bool]
    /// When a record was asserted last, by its own client, and the entry that has it.
    private var asserted: [[UInt64]: (at: UInt64, index: UInt64)] = [:]

    init() {
        isWaiting = Array(repeating: false, count: clients)
    }

    private func key(_ client: Int, _ number: Int) -> UInt64 { UInt64(client * 100 + number) }

    func act(_ client: Int, _ simulation: Simulation) throws(ThalwegError) {
        let random = simulation.random
        let kind = random.below(topics.count)
        let key = key(client, random.below(Self.keys))
        if let node = random.pick(simulation.nodes.filter(simulation.isReadable)),
            let topic = node.machine.id(of: topics[kind].name)
        {
            try check(kind, key, topic, node, simulation)
        }
        guard !isWaiting[client], !simulation.isStopping, let node = simulation.chooseLeader(),
            let topic = node.machine.id(of: topics[kind].name)
        else { return }
        // Nearly always the same bytes: nothing is logged then, and the record lives on.
        let value: UInt64 = random.once(in: 20) ? random.next() % 3 : 1
        var batch = SimulatedBatch()
        batch.assert(key, value.littleEndianBytes)
        let calledAt = simulation.now
        isWaiting[client] = true
        try simulation.write(batch, to: topic, at: node, source: UInt16(70 + client)) {
            [self] answer in
            isWaiting[client] = false
            if answer.completion != nil {
                asserted[[UInt64(kind), key]] = (calledAt, node.machine.appliedIndex)
            }
        }
    }

    private func check(
        _ kind: Int, _ key: UInt64, _ topic: TopicID, _ node: SimulatedNode,
        _ simulation: Simulation
    ) throws(ThalwegError) {
        guard let (at, index) = asserted[[UInt64(kind), key]],
            node.machine.appliedIndex >= index, simulation.now < at + Self.lifetime,
            try node.machine.read(topic, key) == nil
        else { return }
        simulation.fail(
            "key \(key) of \(topics[kind].name) was asserted \((simulation.now - at) / 1_000) ms "
                + "ago and has expired")
    }

    private func isEmpty(_ node: SimulatedNode) throws(ThalwegError) -> Bool {
        for topic in topics {
            guard let id = node.machine.id(of: topic.name) else { continue }
            if try node.machine.partition.describe(id).liveRecords > 0 { return false }
        }
        return true
    }

    func isAtRest(
        _ leader: SimulatedNode, _ simulation: Simulation
    ) throws(ThalwegError) -> Bool {
        guard !isWaiting.contains(true) else { return false }
        return try isEmpty(leader)
    }

    func checkEnd(_ leader: SimulatedNode, _ simulation: Simulation) throws(ThalwegError) {
        if try !isEmpty(leader) { simulation.fail("records that nobody asserts do not expire") }
    }
}
