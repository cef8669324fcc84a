import ThalwegEngine
import ThalwegModel

extension Simulation {
    // MARK: Windows on a leader

    func wallTime(_ node: SimulatedNode) -> Int64 {
        Int64(now) + 1_000_000_000 + node.wallOffset
    }

    func scheduleSeal(_ node: SimulatedNode) throws(ThalwegError) {
        guard node.machine.leads, node.sealAt == nil else { return }
        let due: UInt64
        if !node.machine.refused.isEmpty {
            due = now + 5_000
        } else if let deadline = node.machine.deadline {
            // A clock that stepped back must not keep the window open.
            let wait = min(
                max(deadline - wallTime(node), 1), Int64(SimulatedMachine.windowMicroseconds))
            due = now + UInt64(wait)
        } else {
            return
        }
        node.sealAt = due
        queue.schedule(.seal(node.id, life: node.life), at: due)
    }

    func seal(_ node: SimulatedNode) throws(ThalwegError) {
        guard node.machine.leads else { return }
        try append([], node)
        if node.machine.refused.isEmpty, let sealed = node.machine.seal(time: wallTime(node)) {
            answer(sealed.completions)
            if let entry = sealed.entry { try append([entry], node) }
        }
        try guarding(node) { (_) throws(ThalwegError) in }
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

    // MARK: Clients

    func act(client number: Int) throws(ThalwegError) {
        guard !stopClients else { return }
        defer { queue.schedule(.client(number), at: now + random.duration(2_000...20_000)) }
        try read(number)
        if let waiting = clients[number].waiting {
            guard waiting.until <= now else { return }
            clients[number].giveUp()
            report.unknown += 1
        }
        guard
            let node = nodes.first(where: { $0.isUp && $0.machine.leads && $0.pausedUntil <= now }),
            node.machine.hasTopic
        else { return }
        let (key, value, token) = clients[number].next(now: now)
        do throws(ThalwegError) {
            try node.machine.write(
                key: key, value: value % 7 == 3 ? nil : value, source: UInt16(number + 1),
                token: token, time: wallTime(node))
            clients[number].isSent()
        } catch {
            clients[number].giveUp()
            fail("a write was refused: \(error)")
        }
        try scheduleSeal(node)
    }

    func answer(_ completions: [Completion]) {
        for completion in completions {
            let number = Int(completion.token >> 40) - 1
            if clients[number].answered(completion.token) {
                report.acknowledged += 1
                report.note(4, completion.token, completion.lastOffset.rawValue)
            }
        }
    }

    func clientOutcomeUnknown(_ token: UInt64) {
        let number = Int(token >> 40) - 1
        guard clients[number].waiting?.token == token else { return }
        clients[number].giveUp()
        report.unknown += 1
    }

    /// Reads a key of its own on any node that is not behind what it has seen.
    private func read(_ number: Int) throws(ThalwegError) {
        guard let node = random.pick(nodes.filter { $0.isUp && $0.pausedUntil <= now }) else {
            return
        }
        let client = clients[number]
        let key = client.number * 1_000 + UInt64(random.below(Int(SimulatedClient.keys)))
        let (value, offset) = try node.machine.read(key)
        guard offset >= client.readOffset else { return }
        clients[number].readOffset = offset
        let sent = client.sent[key] ?? 0
        if let value, value > sent { fail("a reader saw \(value) of key \(key), never written") }
        if let value, let before = client.readValues[key], value < before {
            fail("a reader of key \(key) went back from \(before) to \(value)")
        }
        if let value { clients[number].readValues[key] = value }
    }
}
