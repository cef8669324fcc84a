import ThalwegLog
import ThalwegModel

/// What is true of a run, gathered from every node.
struct SimulationChecks {
    /// The one history: what the first node that applied an index applied there.
    private(set) var history: [UInt64: LogEntry] = [:]
    private(set) var lastIndex: UInt64 = 0
    /// The state after an index.
    private var digests: [UInt64: UInt64] = [:]
    private var leaders: [UInt64: NodeID] = [:]
    /// Nodes whose disks were damaged on purpose.
    var damaged: Set<NodeID> = []

    mutating func noteLeader(_ id: NodeID, _ term: UInt64, _ fail: (String) -> Void) {
        if let other = leaders[term], other != id {
            fail("\(other) and \(id) lead in term \(term)")
        }
        leaders[term] = id
    }

    /// True if nobody had applied this index before.
    mutating func note(_ entry: LogEntry, _ id: NodeID, _ fail: (String) -> Void) -> Bool {
        if let known = history[entry.index] {
            if known != entry { fail("node \(id) has another entry \(entry.index)") }
            return false
        }
        history[entry.index] = entry
        lastIndex = max(lastIndex, entry.index)
        return true
    }

    mutating func note(
        digest: UInt64, after index: UInt64, _ id: NodeID, _ fail: (String) -> Void
    ) {
        if let known = digests[index], known != digest {
            fail("node \(id) has another state after entry \(index)")
        }
        digests[index] = digest
    }
}

extension Simulation {
    func checkCommitted(_ entries: [LogEntry], _ node: SimulatedNode) {
        for entry in entries {
            let isFirst = checks.note(entry, node.id) { fail($0) }
            guard isFirst else { continue }
            report.entries += 1
            report.note(5, entry.index, entry.term)
            checkMajority(entry, node)
        }
    }

    /// What is committed is on the disks of a majority.
    private func checkMajority(_ entry: LogEntry, _ node: SimulatedNode) {
        guard let core = node.replica?.core, !core.isMembershipPending,
            entry.index > core.committedMembership.index
        else { return }
        let voters = core.committedMembership.members.voters
        let holders = voters.filter { id in
            guard let other = self.node(id) else { return false }
            guard let replica = other.replica else { return other.promised.durable >= entry.index }
            return replica.durableIndex >= entry.index
        }
        if holders.count <= voters.count / 2 {
            fail("entry \(entry.index) is committed and on the disks of \(holders) of \(voters)")
        }
    }

    /// Compares states at indices that every node passes, and at the ends of batches.
    func checkDigest(_ node: SimulatedNode, since before: UInt64) throws(ThalwegError) {
        let index = node.machine.appliedIndex
        guard isCalm || before / 16 != index / 16 else { return }
        checks.note(digest: try node.machine.digest(), after: index, node.id) { fail($0) }
    }

    func checkEnd() throws(ThalwegError) {
        guard report.failures.isEmpty else { return }
        let leader = nodes.first { $0.machine.leads && $0.isUp }
        guard let leader, let members = leader.replica?.core.membership else {
            return fail("nobody leads in the end")
        }
        let last = leader.machine.appliedIndex
        if last < checks.lastIndex { fail("the end is before entry \(checks.lastIndex)") }
        let digest = try leader.machine.digest()
        for member in members.members {
            guard let node = node(member.id), node.isUp else {
                if !checks.damaged.contains(member.id) { fail("member \(member.id) is not up") }
                continue
            }
            if node.machine.appliedIndex != last {
                fail("node \(node.id) stays at \(node.machine.appliedIndex) of \(last)")
            } else if try node.machine.digest() != digest {
                fail("node \(node.id) has another state in the end")
            }
        }
        for client in clients { try checkSurvival(client, leader) }
        report.note(6, digest, last)
    }

    /// Of each key nothing older than the newest acknowledged write is there, and nothing unsent.
    private func checkSurvival(
        _ client: SimulatedClient, _ node: SimulatedNode
    ) throws(ThalwegError) {
        for key in client.sent.keys.sorted() {
            let (value, _) = try node.machine.read(key)
            let sent = client.sent[key] ?? 0
            let acknowledged = client.acknowledged[key] ?? 0
            let lowest = acknowledged % 7 == 3 ? 0 : acknowledged
            if let value, value < acknowledged || value > sent {
                fail("key \(key) is \(value), acknowledged \(acknowledged), sent \(sent)")
            }
            if value == nil, acknowledged > 0, lowest == acknowledged, sent == acknowledged {
                fail("key \(key) is gone, acknowledged \(acknowledged)")
            }
        }
    }
}
