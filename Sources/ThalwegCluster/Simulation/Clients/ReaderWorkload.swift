import ThalwegEngine
import ThalwegModel
import ThalwegWire

/// Readers that follow topics on any node, move to another one and resume there at their offset,
/// and fold what they are told. A reader that is told that it is caught up holds what the table
/// holds, though it may have left another node in the middle of a walk; nobody goes back; one offset
/// is one change, on every node and to every reader.
final class ReaderWorkload: SimulatedWorkload {
    let topics: [TopicDefinition] = []
    let clients: Int
    let writes = false
    private var readers: [Reader]
    /// What there is at an offset of a topic, by whoever was told first.
    private var told: [[UInt64]: Told] = [:]

    private struct Told: Equatable {
        var key: UInt64
        var version: UInt64
        /// `nil`: deleted.
        var row: [UInt8]?
    }

    private struct Place: Equatable {
        var node: NodeID
        var life: Int
        var loads: Int
    }

    private struct Reader {
        let name: String
        /// Each change of the history, in place of the newest states.
        let tellsEvery: Bool
        var topic: TopicID?
        var place: Place?
        var position: FeedPosition?
        var offset: UInt64 = 0
        /// It is not caught up before this offset, as it was told last.
        var completeAt = Offset.start
        var held: [UInt64: Told] = [:]
        /// Began at the first change, and missed none.
        var isWhole = true
    }

    init(_ names: [String]) {
        readers = names.flatMap { name in
            [false, true].map { Reader(name: name, tellsEvery: $0) }
        }
        clients = readers.count
    }

    func act(_ client: Int, _ simulation: Simulation) throws(ThalwegError) {
        let random = simulation.random
        var node = readers[client].place.flatMap { simulation.node($0.node) }
        if node.map({ !simulation.isReadable($0) }) ?? true || random.once(in: 10) {
            node = random.pick(simulation.nodes.filter(simulation.isReadable))
        }
        guard let node else { return }
        try step(client, node, simulation, limitBytes: 1 + random.below(1_500))
    }

    /// Takes one delivery. Gives whether the reader is caught up.
    @discardableResult private func step(
        _ client: Int, _ node: SimulatedNode, _ simulation: Simulation, limitBytes: Int
    ) throws(ThalwegError) -> Bool {
        guard let topic = node.machine.id(of: readers[client].name) else { return true }
        if readers[client].topic != topic {
            // Another topic of the name. A node that is behind may still have the older one.
            guard topic.rawValue > readers[client].topic?.rawValue ?? 0 else { return false }
            readers[client].topic = topic
            startOver(client)
        }
        let partition = node.machine.partition
        partition.noteTail(
            topic, isWanted: !simulation.random.once(in: 20),
            previous: simulation.random.once(in: 2))
        do throws(ThalwegError) {
            guard try settle(client, topic, node) else { return false }
            guard var position = readers[client].position else { return false }
            let delivery = try SimulatedDelivery(
                partition, topic, &position, tellsEvery: readers[client].tellsEvery,
                limitBytes: limitBytes)
            readers[client].position = position
            simulation.report.deliveries += 1
            readers[client].completeAt = delivery.completeAt
            for change in delivery.changes { take(change, client, topic, simulation) }
            readers[client].offset = max(readers[client].offset, position.offset.rawValue)
            if delivery.isComplete, simulation.random.once(in: 3) {
                try compare(client, topic, node, simulation)
            }
            return delivery.isComplete
        } catch {
            switch error.code {
            case .tooOld:
                simulation.report.resets += 1
                startOver(client)
            case .noHistory where readers[client].tellsEvery:
                return true
            default:
                throw error
            }
            return false
        }
    }

    private func startOver(_ client: Int) {
        readers[client].place = nil
        readers[client].position = nil
        readers[client].offset = 0
        readers[client].completeAt = .start
        readers[client].held = [:]
        readers[client].isWhole = true
    }

    /// Finds the reader's place on the node; `false` where the node is behind the reader.
    private func settle(
        _ client: Int, _ topic: TopicID, _ node: SimulatedNode
    ) throws(ThalwegError) -> Bool {
        let place = Place(node: node.id, life: node.life, loads: node.machine.loads)
        guard readers[client].place != place else { return true }
        let last = try node.machine.lastOffset(topic)
        guard last >= readers[client].offset else { return false }
        let notBefore = readers[client].completeAt
        if readers[client].offset > 0 {
            let offset = Offset(readers[client].offset)
            readers[client].position =
                readers[client].tellsEvery
                ? .tail(offset, notBefore: notBefore) : .after(offset, notBefore: notBefore)
        } else if readers[client].tellsEvery {
            let start = try node.machine.partition.startOfHistory(topic)
            readers[client].position = .tail(start, notBefore: notBefore)
            readers[client].offset = start.rawValue
            readers[client].isWhole = start == .start
        } else {
            readers[client].position = .start(tail: Offset(last), notBefore: notBefore)
        }
        // Where a topic keeps no history there is no place yet.
        readers[client].place = place
        return true
    }

    private func take(
        _ change: SimulatedChange, _ client: Int, _ topic: TopicID, _ simulation: Simulation
    ) {
        let reader = readers[client]
        let who = "a reader of '\(reader.name)' (\(reader.tellsEvery ? "every" : "latest"))"
        let isNext =
            reader.tellsEvery
            ? change.offset == reader.offset + 1 : change.offset > reader.offset
        if !isNext { simulation.fail("\(who) was told \(change.offset) behind \(reader.offset)") }
        readers[client].offset = change.offset
        let now = Told(
            key: change.key, version: change.version,
            row: change.kind == .deleted ? nil : change.row)
        let name = [UInt64(topic.rawValue), change.offset]
        if let known = told[name], known != now {
            simulation.fail("\(who) was told \(now) at \(change.offset), another one \(known)")
        }
        told[name] = now
        if let before = reader.held[change.key] {
            if now.version <= before.version {
                simulation.fail("\(who) went back from \(before) to \(now)")
            }
            if change.kind == .created, !reader.tellsEvery {
                simulation.fail("\(who) holds \(before) and was told that it was created: \(now)")
            }
        }
        if !reader.tellsEvery, let previous = change.previous,
            reader.held[change.key]?.row != previous
        {
            simulation.fail(
                "\(who) holds \(String(describing: reader.held[change.key])) of key "
                    + "\(change.key) and was told of \(previous) before")
        }
        readers[client].held[change.key] = now.row == nil ? nil : now
    }

    /// Compares what a reader that is caught up holds with the table.
    private func compare(
        _ client: Int, _ topic: TopicID, _ node: SimulatedNode, _ simulation: Simulation
    ) throws(ThalwegError) {
        guard readers[client].isWhole else { return }
        let table = try node.machine.records(topic).map {
            Told(key: $0.key, version: $0.value.version, row: $0.value.row)
        }.sorted { $0.key < $1.key }
        let held = readers[client].held.values.sorted { $0.key < $1.key }
        if held != table {
            simulation.fail(
                "a reader of '\(readers[client].name)' at \(readers[client].offset) holds \(held), "
                    + "node \(node.id) has \(table)")
        }
    }

    func isAtRest(_ leader: SimulatedNode, _ simulation: Simulation) -> Bool { true }

    /// Everybody is caught up at every node in the end.
    func checkEnd(_ leader: SimulatedNode, _ simulation: Simulation) throws(ThalwegError) {
        for node in simulation.nodes
        where node.isUp && node.machine.appliedIndex == leader.machine.appliedIndex {
            for client in readers.indices {
                var isCaughtUp = false
                for _ in 0..<2_000 where simulation.report.failures.isEmpty && !isCaughtUp {
                    isCaughtUp = try step(client, node, simulation, limitBytes: 4_000)
                }
                if !isCaughtUp, simulation.report.failures.isEmpty {
                    simulation.fail(
                        "a reader of '\(readers[client].name)' is not told at node \(node.id) that "
                            + "it is caught up")
                }
                guard let topic = readers[client].topic, readers[client].position != nil,
                    node.machine.id(of: readers[client].name) == topic
                else { continue }
                try compare(client, topic, node, simulation)
            }
        }
    }
}
