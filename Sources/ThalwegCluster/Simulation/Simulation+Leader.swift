import ThalwegEngine
import ThalwegLog
import ThalwegModel
import ThalwegWire

// What a server does around a partition while it leads: it seals, appends, answers.
extension Simulation {
    func wallTime(_ node: SimulatedNode) -> Timestamp {
        Timestamp(microseconds: Int64(now) + 1_000_000_000 + node.wallOffset)
    }

    /// The topics of all clients come to be, at once.
    func createTopics(_ node: SimulatedNode) throws(ThalwegError) {
        let catalog = node.machine.catalog
        let known = Set(catalog.allTopics.map(\.definition.name))
        for definition in workloads.flatMap(\.topics) where !known.contains(definition.name) {
            guard case .entry(let entry) = try catalog.planCreate(definition, time: wallTime(node))
            else { continue }
            try append([entry], node)
        }
    }

    // MARK: Windows

    func scheduleSeal(_ node: SimulatedNode) {
        let machine = node.machine
        guard machine.leads else { return }
        if node.sealAt == nil, !machine.refused.isEmpty || !machine.unsealed.isEmpty {
            let due = now + (machine.refused.isEmpty ? random.duration(100...3_000) : 5_000)
            node.sealAt = due
            queue.schedule(.seal(node.id, life: node.life), at: due)
        }
        if !node.isBeatDue {
            node.isBeatDue = true
            queue.schedule(
                .beat(node.id, life: node.life), at: now + random.duration(10_000...60_000))
        }
    }

    /// A window is cut when it is due, a group when the log can take it; now and then both sooner.
    func seal(_ node: SimulatedNode) throws(ThalwegError) {
        let machine = node.machine
        guard machine.leads else { return }
        try append([], node)
        guard machine.refused.isEmpty else { return }
        for topic in machine.unsealed.sorted() {
            let isDue =
                machine.partition.keepsEveryWrite(topic)
                ? machine.partition.windowsInFlight(topic) == 0
                : (machine.partition.deadline(topic) ?? wallTime(node)) <= wallTime(node)
            guard isDue || random.once(in: 3) else { continue }
            try seal(topic, node)
        }
    }

    /// Cuts a topic's open window or group, if the log takes one more.
    func seal(_ topic: TopicID, _ node: SimulatedNode) throws(ThalwegError) {
        let machine = node.machine
        guard let sealed = machine.partition.seal(topic, time: wallTime(node)) else {
            if machine.partition.windowsInFlight(topic) == 0 { machine.unsealed.remove(topic) }
            return
        }
        machine.unsealed.remove(topic)
        if let refusal = sealed.refusal { fail("an entry was refused: \(refusal)") }
        if let entry = sealed.entry { try append([entry], node) }
        try confirm(sealed.completions, isLogged: sealed.entry != nil, node)
    }

    /// Appends entries behind those that the log has refused so far.
    func append(_ entries: [[UInt8]], _ node: SimulatedNode) throws(ThalwegError) {
        node.machine.refused += entries
        guard let replica = node.replica, !node.machine.refused.isEmpty else { return }
        do throws(ThalwegError) {
            try replica.propose(
                node.machine.refused.map { .init(tag: 1, payload: $0) }, milliseconds)
            node.machine.refused = []
        } catch {
            guard [.notLeader, .diskFull, .tooManyRequests].contains(error.code) else {
                throw error
            }
        }
    }

    // MARK: Applied

    func apply(_ entry: LogEntry, _ node: SimulatedNode) throws(ThalwegError) {
        guard let applied = try node.machine.apply(entry, time: Int64(now)) else { return }
        if applied.kind == .window {
            try confirm(applied.completions, isLogged: true, node)
        } else {
            for completion in applied.completions { tell(completion) }
        }
        try lookGoesOn(applied, node)
        if let mark = applied.mark, !mark.wantsHash {
            for done in node.machine.marks.reached(mark.number) { done(true) }
            try sendMark(node)
        }
        if let refusal = applied.refusal { fail("a deployment was refused: \(refusal)") }
    }

    /// Calls back when everything that was committed before now is applied here; with `false` where
    /// the node ceased to lead meanwhile.
    func confirmNewest(
        _ node: SimulatedNode, _ done: @escaping SimulatedMarks.Done
    ) throws(ThalwegError) {
        guard node.machine.leads else { return done(false) }
        node.machine.marks.wait(done)
        try sendMark(node)
    }

    private func sendMark(_ node: SimulatedNode) throws(ThalwegError) {
        guard node.machine.leads, node.machine.marks.begin(lastMark + 1) else { return }
        lastMark += 1
        // A mark is good without its topic too: where there is none yet somebody may ask for that.
        let topic = node.machine.partition.topicIDs.first ?? TopicID(1)
        try append([LogMark(lastMark).entry(topic, time: wallTime(node))], node)
    }

    /// Writes that changed nothing, or whose conditions did not hold, were judged by what this node
    /// has: they are answered when that is known to be the newest.
    private func confirm(
        _ completions: [Completion], isLogged: Bool, _ node: SimulatedNode
    ) throws(ThalwegError) {
        for completion in completions {
            let counts = completion.counts
            let isBarrier = counts.accepted + counts.unchanged + counts.invalid == 0
            guard !isBarrier, completion.refusal == nil, !isLogged || counts.accepted == 0 else {
                tell(completion)
                continue
            }
            try confirmNewest(node) { [self] isConfirmed in
                if isConfirmed { tell(completion) } else { tell(completion.token, .unknown) }
            }
        }
    }

    func stepDown(_ node: SimulatedNode) {
        for token in node.machine.stepDown() { tell(token, .unknown) }
        for done in node.machine.marks.removeAll() { done(false) }
    }

    // MARK: The dead

    /// Retracts a little of what dead sources assert, and looks for records that expired.
    func beat(_ node: SimulatedNode) throws(ThalwegError) {
        let machine = node.machine
        guard machine.leads else { return }
        let time = wallTime(node)
        machine.sources.tick(machine.partition, time: Int64(now))
        for _ in 0..<4 {
            let step = machine.sources.step(machine.partition, limit: 3, time: time)
            if let topic = step.merged { machine.unsealed.insert(topic) }
            if let topic = step.ended {
                try flush(topic, node, isInside: true) { [machine, era = machine.era] answer in
                    if machine.era == era, answer.completion != nil {
                        machine.sources.topicIsDone()
                    }
                }
            }
        }
        report.deaths += machine.sources.settle().count
        try wantLook(node)
        for topic in machine.partition.topicIDs where machine.partition.expires(topic) {
            for part in 0..<64 {
                machine.partition.expire(
                    topic, part: machine.expirePart + part, time: time, uptime: Int64(now))
            }
            machine.unsealed.insert(topic)
        }
        machine.expirePart = (machine.expirePart + 64) % 256
    }
}
