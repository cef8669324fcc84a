import ThalwegEngine
import ThalwegModel
import ThalwegWire

/// Clients with sources that come, assert, fall silent and come back, or do not. Who was heard within
/// the deadline has lost nothing, through any number of fail-overs; who is dead is retracted, in the
/// end, from every topic. Epochs retract all of their difference or nothing.
final class PresenceWorkload: SimulatedWorkload {
    static let deadlineMilliseconds: UInt32 = 1_200
    private static var deadline: UInt64 { UInt64(deadlineMilliseconds) * 1_000 }
    let topics = [
        TopicDefinition(
            name: "presence", keyKind: .u64, schema: nil,
            options: TopicOptions(
                writes: .coalesced(windowMicroseconds: 5_000),
                tombstoneRetentionMicroseconds: 3_000_000)),
        TopicDefinition(
            name: "arrivals", keyKind: .u64, schema: nil,
            options: TopicOptions(writes: .every, tombstoneRetentionMicroseconds: 3_000_000)),
    ]
    let clients = 4
    var states: [Client]
    var lastEpoch: UInt64 = 0

    /// A record: which topic, and the key.
    struct Place: Hashable, Comparable {
        var topic: Int
        var key: UInt64

        static func < (left: Place, right: Place) -> Bool {
            (left.topic, left.key) < (right.topic, right.key)
        }
    }

    enum Hold {
        case unknown
        case asserts(since: UInt64)
        case gone(since: UInt64)
    }

    struct Connection: Equatable {
        let node: NodeID
        let life: Int
        let era: Int
    }

    struct Client {
        var connection: Connection?
        /// When the last request was made that was answered: whoever leads from then on knows, or
        /// begins later.
        var heardAt: UInt64 = 0
        /// When its server heard of it last, were it only a heartbeat.
        var metAt: UInt64 = 0
        var silentUntil: UInt64 = 0
        var isWaiting = false
        var counter: UInt64 = 0
        var holds: [Place: Hold] = [:]
        var epoch: OpenEpoch?
        /// Retracted all together by the end of an epoch, or not at all: nobody knows.
        var uncertain: Set<Place> = []
    }

    init() {
        states = Array(repeating: Client(), count: clients)
    }

    func name(_ client: Int) -> String { "client\(client)" }

    func act(_ client: Int, _ simulation: Simulation) throws(ThalwegError) {
        let random = simulation.random
        try closeEpoch(client, simulation)
        try check(client, simulation)
        guard states[client].silentUntil <= simulation.now else { return }
        if simulation.isStopping {
            // The even ones live on, the odd ones are heard no more.
            guard client % 2 == 0 else { return fallSilent(client, for: .max / 2, simulation) }
        } else if random.once(in: 100) {
            return fallSilent(client, for: random.duration(10_000...3_000_000), simulation)
        }
        guard let (node, source) = try connect(client, simulation), !states[client].isWaiting else {
            return
        }
        if states[client].epoch != nil {
            return try goOnWithEpoch(client, source, node, simulation)
        }
        if !simulation.isStopping, states[client].uncertain.isEmpty, random.once(in: 15) {
            return try beginEpoch(client, source, node, simulation)
        }
        // To be heard in time is enough.
        if simulation.isStopping, simulation.now < states[client].heardAt + 300_000 { return }
        // The last key is only there to be asserted: who lives on does so to the end.
        let mustProbe = simulation.isStopping || !states[client].uncertain.isEmpty
        let place =
            mustProbe
            ? Place(topic: 0, key: UInt64(client * 100 + 99))
            : Place(
                topic: random.below(topics.count),
                key: random.once(in: 4)
                    ? 900 + UInt64(random.below(3)) : UInt64(client * 100 + random.below(5)))
        try write(
            place, retracts: !mustProbe && random.once(in: 5), client, source, node, simulation)
    }

    // MARK: Connections

    /// Leaves without a word. The server notices, and counts from when it heard the client last.
    private func fallSilent(_ client: Int, for duration: UInt64, _ simulation: Simulation) {
        states[client].silentUntil = simulation.now + duration
        states[client].connection = nil
        dropEpoch(client, simulation)
        for node in simulation.nodes where node.isUp && node.machine.leads {
            guard let source = node.machine.catalog.source(named: name(client)) else { continue }
            node.machine.sources.release(
                source, holder: client, heardAt: Int64(states[client].metAt))
        }
    }

    /// The node that the client is connected to, and its source there.
    private func connect(
        _ client: Int, _ simulation: Simulation
    ) throws(ThalwegError) -> (SimulatedNode, SourceID)? {
        if let connection = states[client].connection, let node = simulation.node(connection.node),
            simulation.isServing(node), node.life == connection.life,
            node.machine.era == connection.era,
            let source = node.machine.catalog.source(named: name(client))
        {
            states[client].metAt = simulation.now
            return (node, source)
        }
        states[client].connection = nil
        dropEpoch(client, simulation)
        guard let node = simulation.chooseLeader() else { return nil }
        let machine = node.machine
        guard let source = machine.catalog.source(named: name(client)) else {
            guard machine.sources.registering.insert(name(client)).inserted else { return nil }
            let (id, entry) = try machine.catalog.planSource(
                name: name(client), deadlineMilliseconds: Self.deadlineMilliseconds,
                time: simulation.wallTime(node), isTaken: { machine.sources.promised.contains($0) })
            machine.sources.promised.insert(id)
            try simulation.command(entry, at: node)
            return nil
        }
        try machine.sources.claim(source, holder: client, time: Int64(simulation.now))
        states[client].connection = Connection(
            node: node.id, life: node.life, era: node.machine.era)
        states[client].metAt = simulation.now
        return (node, source)
    }

    /// A request that was made then is answered: the client was alive, for whoever led.
    func heard(_ client: Int, _ calledAt: UInt64) {
        if calledAt >= states[client].heardAt + Self.deadline {
            // It was away for too long, and may have lost everything.
            states[client].uncertain = []
            for place in states[client].holds.keys {
                if case .asserts = states[client].holds[place] {
                    states[client].holds[place] = .unknown
                }
            }
        }
        states[client].heardAt = max(states[client].heardAt, calledAt)
    }

    // MARK: Writes

    func write(
        _ place: Place, retracts: Bool, _ client: Int, _ source: SourceID, _ node: SimulatedNode,
        _ simulation: Simulation
    ) throws(ThalwegError) {
        guard let topic = node.machine.id(of: topics[place.topic].name) else { return }
        states[client].counter += 1
        let calledAt = simulation.now
        var batch = SimulatedBatch()
        if retracts {
            batch.retract(place.key)
            states[client].holds[place] = .unknown
        } else {
            batch.assert(place.key, states[client].counter.littleEndianBytes)
            if case .gone = states[client].holds[place] { states[client].holds[place] = .unknown }
        }
        states[client].isWaiting = true
        try simulation.write(batch, to: topic, at: node, source: source.rawValue) {
            [self, unowned simulation] answer in
            states[client].isWaiting = false
            guard answer.completion != nil else {
                if !retracts { states[client].epoch?.uncertain.insert(place) }
                return
            }
            heard(client, calledAt)
            let index = node.machine.appliedIndex
            states[client].holds[place] = retracts ? .gone(since: index) : .asserts(since: index)
            if !retracts { states[client].epoch?.asserted.insert(place) }
            resolve(client, node, simulation)
        }
    }

    // MARK: Checks

    func isThere(
        _ place: Place, _ client: Int, _ node: SimulatedNode
    ) throws(ThalwegError) -> Bool {
        guard let topic = node.machine.id(of: topics[place.topic].name),
            let source = node.machine.catalog.source(named: name(client))
        else { return false }
        return try node.machine.read(topic, place.key)?.sources.contains(source.rawValue) ?? false
    }

    /// Looks at one record on any node.
    private func check(_ client: Int, _ simulation: Simulation) throws(ThalwegError) {
        let random = simulation.random
        guard let place = random.pick(states[client].holds.keys.sorted()),
            !states[client].uncertain.contains(place),
            let node = random.pick(simulation.nodes.filter(simulation.isReadable))
        else { return }
        let isThere = try isThere(place, client, node)
        switch states[client].holds[place] {
        case .asserts(let index):
            guard node.machine.appliedIndex >= index, !isThere,
                simulation.now < states[client].heardAt + Self.deadline
            else { return }
            simulation.fail(
                "client \(client) was heard \((simulation.now - states[client].heardAt) / 1_000) "
                    + "ms ago and is gone from \(place) on node \(node.id)")
        case .gone(let index):
            guard node.machine.appliedIndex >= index, isThere else { return }
            simulation.fail("client \(client) retracted \(place) and is there on node \(node.id)")
        case .unknown, nil:
            return
        }
    }

    private func remains(
        _ node: SimulatedNode, _ client: Int
    ) throws(ThalwegError) -> Bool {
        for place in states[client].holds.keys.sorted() where try isThere(place, client, node) {
            return true
        }
        return false
    }

    func isAtRest(
        _ leader: SimulatedNode, _ simulation: Simulation
    ) throws(ThalwegError) -> Bool {
        for client in states.indices {
            guard states[client].epoch == nil else { return false }
            if client % 2 == 1, try remains(leader, client) { return false }
        }
        return true
    }

    func checkEnd(_ leader: SimulatedNode, _ simulation: Simulation) throws(ThalwegError) {
        for client in states.indices {
            if client % 2 == 1, try remains(leader, client) {
                simulation.fail("client \(client) is dead, and what it asserted is still there")
            }
            if client % 2 == 0 { try check(client, simulation) }
        }
    }
}
