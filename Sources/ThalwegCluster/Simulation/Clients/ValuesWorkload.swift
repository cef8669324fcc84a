import ThalwegModel

/// Clients that write one key after the other, each the keys of its own, each time a larger number,
/// and wait for each. Nothing acknowledged is lost, nobody reads what was never written, and nobody
/// sees a key go back.
final class ValuesWorkload: SimulatedWorkload {
    private static let keys: UInt64 = 12
    static let topic = TopicDefinition(
        name: "values", keyKind: .u64, schema: nil,
        options: TopicOptions(
            writes: .coalesced(windowMicroseconds: 5_000),
            tombstoneRetentionMicroseconds: 2_000_000))

    let topics = [ValuesWorkload.topic]
    let clients = 4
    private var states: [Client]

    private struct Client {
        var counter: UInt64 = 0
        var isWaiting = false
        /// Of each key: the newest value that was acknowledged, and the newest that was sent.
        var acknowledged: [UInt64: UInt64] = [:]
        var sent: [UInt64: UInt64] = [:]
        /// The highest offset that it read, and of each key the newest value.
        var readOffset: UInt64 = 0
        var readValues: [UInt64: UInt64] = [:]
    }

    init() {
        states = Array(repeating: Client(), count: clients)
    }

    func act(_ client: Int, _ simulation: Simulation) throws(ThalwegError) {
        try read(client, simulation)
        guard !states[client].isWaiting, !simulation.isStopping,
            let node = simulation.chooseLeader(), let topic = node.machine.id(of: "values")
        else { return }
        states[client].counter += 1
        let value = states[client].counter
        let key = UInt64(client + 1) * 1_000 + value % Self.keys
        var batch = SimulatedBatch()
        if Self.isRetraction(value) {
            batch.retract(key)
        } else {
            let filling = [UInt8](repeating: 7, count: Int(key % 40))
            batch.assert(key, value.littleEndianBytes + filling)
        }
        states[client].isWaiting = true
        states[client].sent[key] = value
        try simulation.write(batch, to: topic, at: node, source: UInt16(80 + client)) {
            [self] answer in
            states[client].isWaiting = false
            if answer.completion != nil { states[client].acknowledged[key] = value }
        }
    }

    private static func isRetraction(_ value: UInt64) -> Bool { value % 7 == 3 }

    /// Reads a key of its own on any node that is not behind what it has seen.
    private func read(_ client: Int, _ simulation: Simulation) throws(ThalwegError) {
        guard let node = simulation.random.pick(simulation.nodes.filter(simulation.isReadable)),
            let topic = node.machine.id(of: "values")
        else { return }
        let key =
            UInt64(client + 1) * 1_000 + UInt64(simulation.random.below(Int(Self.keys)))
        let value = try node.machine.read(topic, key).map { UInt64(firstOf: $0.row) }
        let offset = try node.machine.lastOffset(topic)
        guard offset >= states[client].readOffset else { return }
        states[client].readOffset = offset
        guard let value else { return }
        if value > states[client].sent[key] ?? 0 {
            simulation.fail("a reader saw \(value) of key \(key), never written")
        }
        if let before = states[client].readValues[key], value < before {
            simulation.fail("a reader of key \(key) went back from \(before) to \(value)")
        }
        states[client].readValues[key] = value
    }

    func isAtRest(_ leader: SimulatedNode, _ simulation: Simulation) -> Bool {
        states.allSatisfy { !$0.isWaiting }
    }

    /// Of each key nothing older than the newest acknowledged write is there, and nothing unsent.
    func checkEnd(_ leader: SimulatedNode, _ simulation: Simulation) throws(ThalwegError) {
        guard let topic = leader.machine.id(of: "values") else {
            return simulation.fail("there is no topic of values")
        }
        for client in states {
            for key in client.sent.keys.sorted() {
                let value = try leader.machine.read(topic, key).map { UInt64(firstOf: $0.row) }
                let sent = client.sent[key] ?? 0
                let acknowledged = client.acknowledged[key] ?? 0
                if let value, value < acknowledged || value > sent {
                    simulation.fail(
                        "key \(key) is \(value), acknowledged \(acknowledged), sent \(sent)")
                }
                if value == nil, sent == acknowledged, !Self.isRetraction(sent) {
                    simulation.fail("key \(key) is gone, acknowledged \(acknowledged)")
                }
                if value != nil, sent == acknowledged, Self.isRetraction(sent) {
                    simulation.fail("key \(key) is there, and its retraction was acknowledged")
                }
            }
        }
    }
}
