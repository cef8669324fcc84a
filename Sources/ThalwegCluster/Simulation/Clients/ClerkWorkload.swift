import ThalwegEngine
import ThalwegModel
import ThalwegWire

/// One client that makes, alters, fills, truncates and drops topics of every kind, one step after
/// the other, and knows what each must hold. A step of which it does not know what became has either
/// happened whole or not at all, which a flush and a read of the newest state tell.
final class ClerkWorkload: SimulatedWorkload {
    let topics: [TopicDefinition] = []
    let clients = 2
    private var desks: [Desk]

    /// What a topic is, as far as anybody was told.
    private struct State: Equatable {
        /// `nil` where there is no topic.
        var records: [UInt64: [UInt8]]?
        var id = TopicID(0)
        var hasMoreFields = false
    }

    /// One topic and the client that has it for itself.
    private struct Desk {
        let name: String
        var known = State()
        /// What the step under way makes of it.
        var next: State?
        var isWaiting = false
        /// What became of the step is to be found out.
        var isUncertain = false
        /// Where everything before was flushed.
        var flushedAt: Place?
        var steps: UInt64 = 0
    }

    private struct Place: Equatable {
        let node: NodeID
        let life: Int
        let era: Int
    }

    private static let fields = "value: u64, note: string(40)"

    init() {
        desks = (0..<clients).map { Desk(name: "desk\($0)") }
    }

    func act(_ client: Int, _ simulation: Simulation) throws(ThalwegError) {
        guard !desks[client].isWaiting, let node = simulation.chooseLeader() else { return }
        if desks[client].isUncertain || simulation.random.once(in: 8) {
            return try look(client, node, simulation)
        }
        guard !simulation.isStopping else { return }
        desks[client].steps += 1
        guard desks[client].known.records != nil else {
            return try create(client, node, simulation)
        }
        switch simulation.random.below(24) {
        case 0: try drop(client, node, simulation)
        case 1, 2: try truncate(client, node, simulation)
        case 3: try alter(client, node, simulation)
        default: try write(client, node, simulation)
        }
    }

    // MARK: Steps

    /// A step whose entry is in the log is over when a mark behind it is applied.
    private func begin(
        _ next: State, _ entry: [UInt8], _ client: Int, _ node: SimulatedNode,
        _ simulation: Simulation
    ) throws(ThalwegError) {
        desks[client].next = next
        desks[client].isWaiting = true
        try simulation.command(entry, at: node)
        try simulation.readNewest(at: node) { [self] isConfirmed in end(client, isConfirmed) }
    }

    private func end(_ client: Int, _ isDone: Bool) {
        desks[client].isWaiting = false
        if isDone, let next = desks[client].next {
            desks[client].known = next
            desks[client].next = nil
        } else {
            desks[client].isUncertain = true
        }
    }

    private func create(
        _ client: Int, _ node: SimulatedNode, _ simulation: Simulation
    ) throws(ThalwegError) {
        let random = simulation.random
        var options = TopicOptions(
            writes: random.once(in: 2) ? .every : .coalesced(windowMicroseconds: 4_000),
            tombstoneRetentionMicroseconds: random.duration(1_000...400_000))
        if random.once(in: 2) { options.history = random.once(in: 2) ? .forever : .count(9) }
        let definition = TopicDefinition(
            name: desks[client].name, keyKind: .u64, schema: try Schema(parsing: Self.fields),
            options: options)
        // A client that is behind may be asked to make what is there.
        guard
            case .entry(let entry) = try node.machine.catalog.planCreate(
                definition, time: simulation.wallTime(node))
        else {
            desks[client].isUncertain = true
            return
        }
        let made = State(records: [:], id: Self.topic(of: entry))
        try begin(made, entry, client, node, simulation)
    }

    private static func topic(of entry: [UInt8]) -> TopicID {
        TopicID(UInt32(truncatingIfNeeded: UInt64(firstOf: entry) >> 32))
    }

    private func alter(
        _ client: Int, _ node: SimulatedNode, _ simulation: Simulation
    ) throws(ThalwegError) {
        guard let topic = try? node.machine.catalog.topic(named: desks[client].name),
            topic.id == desks[client].known.id, !desks[client].known.hasMoreFields
        else { return }
        var definition = topic.definition
        definition.schema = try Schema(parsing: Self.fields + ", more: u64")
        guard
            case .entry(let entry) = try node.machine.catalog.planCreate(
                definition, time: simulation.wallTime(node))
        else { return }
        var next = desks[client].known
        next.hasMoreFields = true
        try begin(next, entry, client, node, simulation)
    }

    private func drop(
        _ client: Int, _ node: SimulatedNode, _ simulation: Simulation
    ) throws(ThalwegError) {
        guard node.machine.id(of: desks[client].name) == desks[client].known.id else { return }
        let entry = try node.machine.catalog.planDrop(
            desks[client].name, time: simulation.wallTime(node))
        try begin(State(), entry, client, node, simulation)
    }

    private func truncate(
        _ client: Int, _ node: SimulatedNode, _ simulation: Simulation
    ) throws(ThalwegError) {
        let topic = desks[client].known.id
        guard node.machine.id(of: desks[client].name) == topic else { return }
        try simulation.guarding(node) { (_) throws(ThalwegError) in
            try simulation.seal(topic, node)
            let token = simulation.waiter(at: node) { [self] answer in
                end(client, answer.completion != nil)
            }
            guard
                let entry = try node.machine.partition.truncate(
                    topic, time: simulation.wallTime(node), token: token)
            else {
                // The windows before it could not be sealed yet.
                simulation.waiters[token] = nil
                return
            }
            desks[client].isWaiting = true
            var next = desks[client].known
            next.records = [:]
            desks[client].next = next
            try simulation.append([entry], node)
        }
    }

    private func write(
        _ client: Int, _ node: SimulatedNode, _ simulation: Simulation
    ) throws(ThalwegError) {
        let topic = desks[client].known.id
        let random = simulation.random
        guard node.machine.id(of: desks[client].name) == topic,
            let layout = try node.machine.partition.layout(topic)
        else { return }
        var next = desks[client].known
        var batch = SimulatedBatch()
        batch.isAtomic = true
        for number in 0..<1 + UInt64(random.below(4)) {
            // Conditions of an atomic batch are judged before it: each key comes once.
            let key = (desks[client].steps * 5 + number) % 11
            let old = next.records?[key]
            let condition: WriteCondition? =
                random.once(in: 3) ? (old == nil ? .absent : .present) : nil
            var values: [Value] = [
                .unsigned(desks[client].steps),
                .string(String(repeating: "n", count: random.below(40))),
            ]
            switch random.below(5) {
            case 0:
                batch.retract(key, if: condition)
                next.records?[key] = nil
            case 1:
                let patch = try layout.encodePatch([(0, values[0])])
                batch.patch(key, patch, if: condition)
                next.records?[key] = try Self.row(values[0], over: old, layout)
            default:
                if layout.schema.fields.count > 2 { values.append(.unsigned(7)) }
                let row = try layout.encode(values)
                batch.assert(key, row, if: condition)
                next.records?[key] = row
            }
        }
        desks[client].next = next
        desks[client].isWaiting = true
        try simulation.write(batch, to: topic, at: node, source: UInt16(60 + client)) {
            [self] answer in
            if let completion = answer.completion, completion.counts.invalid > 0 {
                simulation.fail(
                    "an atomic batch of desk \(client) was refused: "
                        + "\(completion.counts), \(String(describing: completion.refusal))")
            }
            end(client, answer.completion != nil)
        }
    }

    /// The row that a patch of the first field makes of an older one.
    private static func row(
        _ value: Value, over old: [UInt8]?, _ layout: RowLayout
    ) throws(ThalwegError) -> [UInt8] {
        var values = layout.schema.fields.map(\.type.defaultValue)
        if let old { values = old.withUnsafeBytes { layout.decode($0) } }
        values[0] = value
        return try layout.encode(values)
    }

    // MARK: Looking

    /// Flushes and then, at the same leader, compares the newest state with what is known, or with
    /// what the last step may have made of it.
    private func look(
        _ client: Int, _ node: SimulatedNode, _ simulation: Simulation
    ) throws(ThalwegError) {
        let place = Place(node: node.id, life: node.life, era: node.machine.era)
        desks[client].isWaiting = true
        desks[client].isUncertain = true
        if desks[client].flushedAt != place, let topic = node.machine.id(of: desks[client].name) {
            desks[client].flushedAt = nil
            return try simulation.flush(topic, node) { [self] answer in
                desks[client].isWaiting = false
                if answer.completion != nil { desks[client].flushedAt = place }
            }
        }
        desks[client].flushedAt = nil
        try simulation.readNewest(at: node) { [self, unowned simulation] isConfirmed in
            desks[client].isWaiting = false
            if isConfirmed { compare(client, node, simulation) }
        }
    }

    private func compare(_ client: Int, _ node: SimulatedNode, _ simulation: Simulation) {
        var found = State()
        var layout: RowLayout?
        if let topic = try? node.machine.catalog.topic(named: desks[client].name) {
            found.id = topic.id
            found.hasMoreFields = topic.definition.schema?.fields.count == 3
            found.records = (try? node.machine.records(topic.id))?.mapValues(\.row)
            layout = try? node.machine.partition.layout(topic.id)
        }
        let kept = [desks[client].known, desks[client].next].compactMap { $0 }
        guard
            let state = kept.first(where: {
                Self.current($0, layout) == Self.current(found, layout)
            })
        else {
            return simulation.fail("desk \(client) holds \(found), known or perhaps: \(kept)")
        }
        desks[client].known = state
        desks[client].next = nil
        desks[client].isUncertain = false
    }

    /// With rows as the newest schema has them.
    private static func current(_ state: State, _ layout: RowLayout?) -> State {
        guard let layout else { return state }
        var state = state
        state.records = state.records?.mapValues { row in
            (try? layout.encode(row.withUnsafeBytes { layout.decode($0) })) ?? row
        }
        return state
    }

    func isAtRest(_ leader: SimulatedNode, _ simulation: Simulation) -> Bool {
        desks.allSatisfy { !$0.isWaiting && !$0.isUncertain }
    }

    func checkEnd(_ leader: SimulatedNode, _ simulation: Simulation) {
        for client in desks.indices { compare(client, leader, simulation) }
    }
}
