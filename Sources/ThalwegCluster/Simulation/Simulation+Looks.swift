import ThalwegEngine
import ThalwegLog
import ThalwegModel

// Nodes compare their states at marks in the log, as servers do. What a topic comes to is looked at in
// slices so small, and so far apart, that writes, truncations, snapshots and other leaders come between
// them. Chance has a source of its own here, so a run without looks is what it was before there were any.
extension Simulation {
    /// Units of a slice: see `Partition.hashUnits`.
    static let hashUnits = 4

    /// The leader wants a topic looked at, one at a time.
    func wantLook(_ node: SimulatedNode) throws(ThalwegError) {
        let machine = node.machine
        guard options.comparesStates, !isStopping, machine.lookInFlight == nil,
            let topic = lookRandom.pick(machine.partition.topicIDs),
            machine.partition.looksFor(topic) == nil
        else { return }
        lastMark += 1
        machine.lookInFlight = (lastMark, topic)
        try append([LogMark(lastMark, wantsHash: true).entry(topic, time: wallTime(node))], node)
    }

    /// A mark at which the state is looked at, or a leader's number, was applied.
    func lookGoesOn(
        _ applied: SimulatedMachine.Applied, _ node: SimulatedNode
    ) throws(ThalwegError) {
        let machine = node.machine
        if let divergence = applied.divergence { accuse(node, divergence) }
        if applied.kind == .dropTopic, machine.lookInFlight?.topic == applied.topic {
            machine.lookInFlight = nil
        }
        guard let mark = applied.mark, mark.wantsHash else { return }
        if let look = machine.partition.look(applied.topic), look.number == mark.number {
            try looked(look, applied.topic, node)
        } else if machine.partition.looksFor(applied.topic) != mark.number,
            machine.lookInFlight?.number == mark.number
        {
            machine.lookInFlight = nil
        }
        scheduleSlice(node)
    }

    private func scheduleSlice(_ node: SimulatedNode) {
        let partition = node.machine.partition
        guard !node.isSliceDue, partition.topicIDs.contains(where: { partition.isHashing($0) })
        else { return }
        node.isSliceDue = true
        let slow: UInt64 = node.slowUntil > now ? 10 : 1
        queue.schedule(
            .slice(node.id, life: node.life), at: now + lookRandom.duration(100...2_000) * slow)
    }

    func slice(_ node: SimulatedNode) throws(ThalwegError) {
        let partition = node.machine.partition
        for topic in partition.topicIDs where partition.isHashing(topic) {
            let slice = partition.hashSlice(topic)
            if let look = slice.look { try looked(look, topic, node) }
            if let divergence = slice.divergence { accuse(node, divergence) }
            guard node.isUp else { return }
        }
        scheduleSlice(node)
    }

    /// Every node comes to the same at a mark, whoever leads by then and says so or not.
    private func looked(
        _ look: StateLook, _ topic: TopicID, _ node: SimulatedNode
    ) throws(ThalwegError) {
        checks.note(look, topic, node.id) { fail($0) }
        report.looks += 1
        if let head = try? node.machine.partition.readingHead(topic), head.last != look.hash.offset
        {
            report.looksOvertaken += 1
        }
        guard node.machine.lookInFlight?.number == look.number else { return }
        node.machine.lookInFlight = nil
        guard node.machine.leads else { return }
        try append([look.check.entry(topic, time: wallTime(node))], node)
    }

    /// The node serves no more. Whoever has nothing wrong with its memory must not be accused.
    private func accuse(_ node: SimulatedNode, _ divergence: StateDivergence) {
        guard checks.spoiled == node.id else {
            return fail("node \(node.id) is accused of another state of topic \(divergence.topic)")
        }
        report.accused += 1
        checks.damaged.insert(node.id)
        node.isGone = true
        node.isAccused = true
    }

    /// A bit of a follower's memory flips, again and again until it is found: a write to the record
    /// puts it right.
    func spoil() throws(ThalwegError) {
        guard report.accused == 0 else { return }
        queue.schedule(.spoil, at: now + 200_000)
        guard let leader = leader(nodes), let topic = leader.machine.partition.topicIDs.first,
            let node = checks.spoiled.map({ self.node($0) })
                ?? nodes.first(where: { $0.isUp && !$0.machine.leads }),
            try node.machine.partition.spoil(topic)
        else { return }
        checks.spoiled = node.id
    }
}
