import ThalwegEngine
import ThalwegModel
import ThalwegWire

/// Several sources that assert, patch and retract the same records, with and without conditions,
/// each a field of its own. Who asserts a record is among its sources and finds its field as new as
/// it was told; nobody is there who went; a version is built upon once.
final class SharedWorkload: SimulatedWorkload {
    private static let fields = "f0: u64, f1: u64, f2: u64, f3: u64, note: string(30)"
    private static let keys = 6
    let topics: [TopicDefinition]
    let clients = 4
    private let layout: RowLayout
    private var states: [Client]
    /// Which client built upon a version of a key.
    private var builders: [[UInt64]: Int] = [:]

    private enum Membership {
        case unknown
        case asserts
        case gone
    }

    private struct Hold {
        var membership = Membership.unknown
        /// The newest value of the own field that was acknowledged while asserting, and sent.
        var acknowledged: UInt64 = 0
        var sent: UInt64 = 0
        /// Every node that has applied this has it.
        var index: UInt64 = 0
    }

    private struct Client {
        var counter: UInt64 = 0
        var isWaiting = false
        var holds: [UInt64: Hold] = [:]
        /// Versions that were read.
        var versions: [UInt64: UInt64] = [:]
    }

    private enum Step {
        case assertIfAbsent
        case patch
        case patchIfPresent
        case patchIf(version: UInt64)
        case patchTwo
        case retract
    }

    init() {
        do throws(ThalwegError) {
            let schema = try Schema(parsing: Self.fields)
            layout = try RowLayout(schema)
            topics = [
                TopicDefinition(
                    name: "shared", keyKind: .u64, schema: schema,
                    options: TopicOptions(
                        writes: .coalesced(windowMicroseconds: 8_000), history: .count(30),
                        tombstoneRetentionMicroseconds: 30_000_000))
            ]
        } catch {
            preconditionFailure("the schema is one: \(error)")
        }
        states = Array(repeating: Client(), count: clients)
    }

    private func source(_ client: Int) -> UInt16 { UInt16(10 + client) }

    func act(_ client: Int, _ simulation: Simulation) throws(ThalwegError) {
        try look(client, simulation)
        guard !states[client].isWaiting, !simulation.isStopping,
            let node = simulation.chooseLeader(), let topic = node.machine.id(of: "shared")
        else { return }
        let random = simulation.random
        let key = UInt64(random.below(Self.keys))
        states[client].counter += 1
        let value = states[client].counter
        let step = choose(key, client, random)
        var keys = [key]
        var batch = SimulatedBatch()
        batch.wantsEach = true
        let patch = try layout.encodePatch(
            [(client, .unsigned(value))]
                + (random.once(in: 3)
                    ? [(4, .string(String(repeating: "x", count: random.below(30))))] : []))
        switch step {
        case .assertIfAbsent:
            var values = layout.schema.fields.map(\.type.defaultValue)
            values[client] = .unsigned(value)
            batch.assert(key, try layout.encode(values), if: .absent)
        case .patch: batch.patch(key, patch)
        case .patchIfPresent: batch.patch(key, patch, if: .present)
        case .patchIf(let version):
            batch.patch(key, patch, if: .versionEquals(RecordVersion(version)))
        case .patchTwo:
            batch.isAtomic = true
            keys.append((key + 1) % UInt64(Self.keys))
            for key in keys { batch.patch(key, patch) }
        case .retract: batch.retract(key)
        }
        begin(step, keys, value, client)
        try simulation.write(batch, to: topic, at: node, source: source(client)) {
            [self, unowned simulation] answer in
            states[client].isWaiting = false
            guard let completion = answer.completion else { return }
            for (key, outcome) in zip(keys, completion.results) {
                end(step, key, value, client, outcome, node.machine.appliedIndex, simulation)
            }
        }
    }

    private func choose(_ key: UInt64, _ client: Int, _ random: SeededGeneratorBox) -> Step {
        switch random.below(12) {
        case 0, 1: .retract
        case 2, 3: .assertIfAbsent
        case 4: .patchIfPresent
        case 5: .patchTwo
        case 6...8: states[client].versions[key].map { .patchIf(version: $0) } ?? .patch
        default: .patch
        }
    }

    private func begin(_ step: Step, _ keys: [UInt64], _ value: UInt64, _ client: Int) {
        states[client].isWaiting = true
        for key in keys {
            var hold = states[client].holds[key, default: Hold()]
            switch step {
            case .retract:
                hold.membership = .unknown
            default:
                hold.sent = value
                // Whatever becomes of it, it takes no membership away.
                if hold.membership == .gone { hold.membership = .unknown }
            }
            states[client].holds[key] = hold
        }
    }

    private func end(
        _ step: Step, _ key: UInt64, _ value: UInt64, _ client: Int, _ outcome: WriteOutcome,
        _ index: UInt64, _ simulation: Simulation
    ) {
        var hold = states[client].holds[key, default: Hold()]
        defer { states[client].holds[key] = hold }
        guard outcome.verdict != .invalid else {
            if outcome.code != .conditionFailed {
                simulation.fail("\(step) of client \(client) was refused: \(outcome)")
            }
            return
        }
        hold.index = index
        if case .retract = step {
            hold.membership = .gone
            return
        }
        hold.membership = .asserts
        hold.acknowledged = value
        guard case .patchIf(let version) = step else { return }
        if let other = builders.updateValue(client, forKey: [key, version]) {
            simulation.fail(
                "clients \(other) and \(client) built upon version \(version) of key \(key)")
        }
        if outcome.verdict == .accepted, outcome.version.rawValue != version + 1 {
            simulation.fail("what was built upon version \(version) is \(outcome.version)")
        }
    }

    /// Looks at a key on any node.
    private func look(_ client: Int, _ simulation: Simulation) throws(ThalwegError) {
        guard let node = simulation.random.pick(simulation.nodes.filter(simulation.isReadable)),
            let topic = node.machine.id(of: "shared")
        else { return }
        let key = UInt64(simulation.random.below(Self.keys))
        try check(key, client, topic, node, simulation)
        if let record = try node.machine.read(topic, key) {
            states[client].versions[key] = record.version
        }
    }

    private func check(
        _ key: UInt64, _ client: Int, _ topic: TopicID, _ node: SimulatedNode,
        _ simulation: Simulation
    ) throws(ThalwegError) {
        let record = try node.machine.read(topic, key)
        guard let hold = states[client].holds[key] else { return }
        var value: UInt64 = 0
        if let record {
            guard
                case .unsigned(let number) = record.row.withUnsafeBytes({ layout.decode($0) })[
                    client]
            else { return }
            value = number
        }
        if value > hold.sent {
            simulation.fail("key \(key) has \(value) of client \(client), which sent \(hold.sent)")
        }
        guard node.machine.appliedIndex >= hold.index else { return }
        let isThere = record?.sources.contains(source(client)) ?? false
        if hold.membership == .asserts, !isThere || value < hold.acknowledged {
            simulation.fail(
                "client \(client) asserts key \(key) with \(hold.acknowledged), and node "
                    + "\(node.id) has \(String(describing: record))")
        }
        if hold.membership == .gone, isThere {
            simulation.fail("client \(client) asserts key \(key) no more, and is there")
        }
    }

    func isAtRest(_ leader: SimulatedNode, _ simulation: Simulation) -> Bool {
        states.allSatisfy { !$0.isWaiting }
    }

    func checkEnd(_ leader: SimulatedNode, _ simulation: Simulation) throws(ThalwegError) {
        guard let topic = leader.machine.id(of: "shared") else {
            return simulation.fail("there is no shared topic")
        }
        for client in states.indices {
            for key in 0..<UInt64(Self.keys) {
                try check(key, client, topic, leader, simulation)
            }
        }
    }
}
