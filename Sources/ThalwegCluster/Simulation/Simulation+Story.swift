import ThalwegLog
import ThalwegModel

extension Simulation {
    private func has(_ fault: SimulationFault) -> Bool { options.faults.contains(fault) }

    private var awake: [SimulatedNode] { nodes.filter { $0.isUp && !$0.isGone } }

    /// Something goes wrong, or right again.
    func mishap() throws(ThalwegError) {
        guard !isCalm else { return }
        queue.schedule(.story, at: now + random.duration(20_000...250_000))
        let choices = SimulationFault.allCases.filter { has($0) }
        guard let fault = random.pick(choices), let node = random.pick(awake) else { return }
        switch fault {
        case .loss:
            lossPercent = random.once(in: 8) ? 40 : random.below(8)
        case .delay:
            maximumDelay = UInt64(random.once(in: 6) ? 400_000 : 1_000 + random.below(60_000))
        case .duplication:
            duplicationPercent = random.below(10)
        case .partition:
            cut(node, bothWays: true)
        case .oneWay:
            cut(node, bothWays: false)
        case .pause:
            node.pausedUntil = now + random.duration(10_000...1_500_000)
        case .kill:
            stop(node, losesPower: random.once(in: 2))
            queue.schedule(.start(node.id), at: now + random.duration(1_000...1_000_000))
        case .power:
            node.powerCut = 1 + random.below(40)
        case .bitFlip:
            try damage(node)
        case .fullDisk:
            if random.once(in: 2) {
                node.capacityBytes = node.usedBytes + random.below(20_000)
            } else {
                for node in nodes { node.capacityBytes = nil }
            }
        case .clock:
            node.wallOffset += Int64(random.below(20_000_000)) - 10_000_000
        case .membership:
            try changeMembers()
        case .transfer:
            guard let leader = leader(nodes) else { return }
            try change(leader, .transfer(to: .none))
        case .slow:
            node.slowUntil = now + random.duration(100_000...2_000_000)
        case .reset:
            endConnections(of: node, onlyOne: random.once(in: 2))
        }
    }

    private func cut(_ node: SimulatedNode, bothWays: Bool) {
        guard random.once(in: 2) else {
            cuts = []
            return
        }
        let outwards = random.once(in: 2)
        for other in nodes where other.id != node.id {
            if bothWays || outwards { cuts.insert([node.id, other.id]) }
            if bothWays || !outwards { cuts.insert([other.id, node.id]) }
        }
    }

    private func change(_ node: SimulatedNode, _ event: ConsensusEvent) throws(ThalwegError) {
        try guarding(node) { (replica) throws(ThalwegError) in
            do throws(ThalwegError) {
                try replica.change(event, milliseconds)
                if case .change = event { report.membershipChanges += 1 }
            } catch {
                let refusals: [ErrorCode] = [
                    .notLeader, .membershipBusy, .invalidConfiguration, .diskFull,
                ]
                guard refusals.contains(error.code) else { throw error }
            }
        }
    }

    /// One step towards other members: a learner that has caught up votes, somebody goes, somebody
    /// comes; the damaged go first.
    private func changeMembers() throws(ThalwegError) {
        guard let leader = leader(nodes), let core = leader.replica?.core,
            !core.isMembershipPending
        else { return }
        let members = core.membership
        if let gone = members.members.first(where: { self.node($0.id)?.isGone == true }),
            let next = try? members.removing(gone.id)
        {
            return try change(leader, .change(next))
        }
        if let learner = members.members.first(where: { $0.role == .learner }) {
            guard let next = try? members.changing(learner.id, to: .voter) else { return }
            return try change(leader, .change(next))
        }
        if members.voters.count > max(options.nodes, 3)
            || (members.voters.count > 1 && random.once(in: 3))
        {
            guard let id = random.pick(members.voters), let next = try? members.removing(id) else {
                return
            }
            return try change(leader, .change(next))
        }
        guard members.members.count < 7, nodes.count < 24 else { return }
        nextID += 1
        let node = SimulatedNode(NodeID(nextID), seed: options.seed &* 31 &+ nextID)
        nodes.append(node)
        try start(node)
        guard
            let next = try? members.adding(
                Member(node.id, address: node.address, role: .learner))
        else { return }
        try change(leader, .change(next))
    }

    /// A bit flips on a node's disk while it is down, where the log must notice or need not care:
    /// not in the last group, which nothing on that disk proves to have been whole.
    private func damage(_ node: SimulatedNode) throws(ThalwegError) {
        guard checks.damaged.isEmpty, options.nodes >= 3, let leader = leader(nodes),
            let core = leader.replica?.core, !core.isMembershipPending,
            core.membership.voters.count >= 3
        else { return }
        stop(node, losesPower: false)
        node.promised = (node.promised.durable, node.promised.vote)
        queue.schedule(.start(node.id), at: now + random.duration(1_000...300_000))
        let names = try node.storage.list().sorted().filter {
            $0 != "lock" && !$0.hasSuffix(".tmp")
        }
        let last = names.last { $0.hasSuffix(".seg") }
        guard let name = random.pick(names.filter { $0 != last }),
            let size = node.storage.contents(of: name)?.count, size > 0
        else { return }
        node.storage.flipBit(in: name, at: random.below(size), bit: random.below(8))
        checks.damaged.insert(node.id)
        report.note(7, node.id.rawValue)
    }

    /// Everything that was broken is mended; the damaged are left out.
    func beginCalm() throws(ThalwegError) {
        isCalm = true
        cuts = []
        lossPercent = 0
        maximumDelay = 2_000
        for node in nodes {
            node.capacityBytes = nil
            node.powerCut = nil
            node.slowUntil = 0
            node.pausedUntil = 0
            node.applyFaults()
            if !node.isUp, !node.isGone { try start(node) }
        }
    }
}
