import ThalwegEngine
import ThalwegModel
import ThalwegWire

// Epochs: a client says anew what it asserts, and everything else of it goes in one piece.
extension PresenceWorkload {
    struct OpenEpoch {
        let number: UInt64
        /// `nil`: of all topics.
        let topic: TopicID?
        let connection: Connection
        /// Writes that are still to come in it.
        var left: Int
        var asserted: Set<Place> = []
        /// Perhaps asserted in it.
        var uncertain: Set<Place> = []
        /// Its end was asked for: topics whose difference is still searched for.
        var ending: [TopicID]?
        /// When, and the answer is on its way.
        var isAnswered = false
    }

    func beginEpoch(
        _ client: Int, _ source: SourceID, _ node: SimulatedNode, _ simulation: Simulation
    ) throws(ThalwegError) {
        guard let presence = node.machine.id(of: "presence"),
            let connection = states[client].connection
        else { return }
        lastEpoch += 1
        let topic = simulation.random.once(in: 2) ? presence : nil
        do throws(ThalwegError) {
            try node.machine.partition.beginEpoch(topic, source: source, number: lastEpoch)
        } catch {
            // The end of the last one is still under way there.
            guard error.code == .epochOpen else { throw error }
            return
        }
        states[client].epoch = OpenEpoch(
            number: lastEpoch, topic: topic, connection: connection,
            left: 1 + simulation.random.below(4))
    }

    /// Asserts something in the epoch, or asks for its end.
    func goOnWithEpoch(
        _ client: Int, _ source: SourceID, _ node: SimulatedNode, _ simulation: Simulation
    ) throws(ThalwegError) {
        guard var epoch = states[client].epoch, epoch.ending == nil else { return }
        if epoch.left > 0 {
            epoch.left -= 1
            states[client].epoch = epoch
            let key = UInt64(client * 100 + simulation.random.below(5))
            let topic = epoch.topic == nil ? simulation.random.below(topics.count) : 0
            return try write(
                Place(topic: topic, key: key), retracts: false, client, source, node, simulation)
        }
        epoch.ending = try node.machine.partition.endEpoch(
            epoch.topic, source: source, number: epoch.number)
        states[client].epoch = epoch
    }

    /// The server's part of an epoch's end: searches a little, and retracts what was found.
    func closeEpoch(_ client: Int, _ simulation: Simulation) throws(ThalwegError) {
        guard let epoch = states[client].epoch, let topics = epoch.ending, !epoch.isAnswered else {
            return
        }
        guard let node = simulation.node(epoch.connection.node), node.isUp,
            node.life == epoch.connection.life, node.machine.leads,
            node.machine.era == epoch.connection.era,
            let source = node.machine.catalog.source(named: name(client)),
            let presence = node.machine.id(of: "presence")
        else {
            // It fell before anything was retracted.
            states[client].epoch = nil
            return
        }
        guard node.pausedUntil <= simulation.now else { return }
        if let topic = topics.last {
            switch node.machine.partition.searchEpoch(
                topic, source: source, number: epoch.number, limit: 2)
            {
            case .goesOn, .waits:
                return
            case .isDone:
                states[client].epoch?.ending?.removeLast()
                if let number = self.topics.firstIndex(where: {
                    node.machine.id(of: $0.name) == topic
                }) {
                    states[client].uncertain.formUnion(difference(client, in: number))
                }
                return try retract(topic, epoch, source, node, simulation)
            }
        }
        states[client].epoch?.isAnswered = true
        let others = epoch.topic == nil ? [node.machine.id(of: "arrivals")].compactMap(\.self) : []
        try awaitEnd(others + [presence], node, simulation) { [self] isDurable in
            guard let epoch = states[client].epoch else { return }
            states[client].epoch = nil
            guard isDurable else { return }
            states[client].uncertain = []
            let index = node.machine.appliedIndex
            for place in states[client].holds.keys where epoch.topic == nil || place.topic == 0 {
                guard !epoch.asserted.contains(place) else { continue }
                states[client].holds[place] =
                    epoch.uncertain.contains(place) ? .unknown : .gone(since: index)
            }
        }
    }

    /// The difference takes its way to the log.
    private func retract(
        _ topic: TopicID, _ epoch: OpenEpoch, _ source: SourceID, _ node: SimulatedNode,
        _ simulation: Simulation
    ) throws(ThalwegError) {
        let partition = node.machine.partition
        if partition.keepsEveryWrite(topic) {
            // Nobody waits for this one: a barrier behind it says that it is applied.
            let entry = try partition.cutDifference(
                topic, source: source, number: epoch.number, time: simulation.wallTime(node),
                token: .max)
            if let entry { try simulation.append([entry], node) }
        } else {
            _ = try partition.retractDifference(
                topic, source: source, number: epoch.number, time: simulation.wallTime(node))
        }
        // What the end has held back too.
        node.machine.unsealed.insert(topic)
    }

    /// Calls back when all that these topics have on their way is applied, or when nobody knows.
    private func awaitEnd(
        _ topics: [TopicID], _ node: SimulatedNode, _ simulation: Simulation,
        _ done: @escaping (_ isDurable: Bool) -> Void
    ) throws(ThalwegError) {
        guard let topic = topics.last else { return done(true) }
        let era = node.machine.era
        try simulation.flush(topic, node) { [self, unowned simulation] answer in
            guard answer.completion != nil, node.machine.leads, node.machine.era == era else {
                return done(false)
            }
            do throws(ThalwegError) {
                try awaitEnd(topics.dropLast(), node, simulation, done)
            } catch {
                simulation.fail("a barrier was refused: \(error)")
            }
        }
    }

    /// What is surely asserted in a topic and was not in the epoch.
    private func difference(_ client: Int, in topic: Int) -> Set<Place> {
        guard let epoch = states[client].epoch else { return [] }
        var places: Set<Place> = []
        for (place, hold) in states[client].holds where place.topic == topic {
            if case .asserts = hold, !epoch.asserted.contains(place),
                !epoch.uncertain.contains(place)
            {
                places.insert(place)
            }
        }
        return places
    }

    /// The connection is gone, and with it an epoch whose end was not asked for.
    func dropEpoch(_ client: Int, _ simulation: Simulation) {
        guard let epoch = states[client].epoch, epoch.ending == nil else { return }
        states[client].epoch = nil
        guard let node = simulation.node(epoch.connection.node), node.isUp,
            node.life == epoch.connection.life, node.machine.leads,
            node.machine.era == epoch.connection.era,
            let source = node.machine.catalog.source(named: name(client))
        else { return }
        node.machine.partition.abandonEpoch(epoch.topic, source: source, number: epoch.number)
    }

    /// A later write is answered, so it is settled what became of an epoch's end before it.
    func resolve(_ client: Int, _ node: SimulatedNode, _ simulation: Simulation) {
        guard states[client].epoch == nil, !states[client].uncertain.isEmpty else { return }
        let places = states[client].uncertain
        states[client].uncertain = []
        do throws(ThalwegError) {
            var there: Set<Place> = []
            for place in places.sorted() where try isThere(place, client, node) {
                there.insert(place)
            }
            let index = node.machine.appliedIndex
            for place in places {
                states[client].holds[place] =
                    there.contains(place) ? .asserts(since: index) : .gone(since: index)
            }
            for topic in topics.indices {
                let (all, left) = (
                    places.filter { $0.topic == topic }, there.filter { $0.topic == topic }
                )
                guard left.isEmpty || left == all else {
                    return simulation.fail(
                        "an epoch of client \(client) ended by half: of \(all) there are \(left)")
                }
            }
        } catch {
            simulation.fail("a read was refused: \(error)")
        }
    }
}
