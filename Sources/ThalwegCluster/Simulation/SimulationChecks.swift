import ThalwegEngine
import ThalwegLog
import ThalwegModel

/// What is true of a run, gathered from every node.
struct SimulationChecks {
    /// The one history: what the first node that applied an index applied there.
    private(set) var history: [UInt64: LogEntry] = [:]
    private(set) var lastIndex: UInt64 = 0
    /// The state after an index.
    private var digests: [UInt64: [TopicID: UInt64]] = [:]
    private var leaders: [UInt64: NodeID] = [:]
    /// Nodes whose disks or memories were damaged on purpose.
    var damaged: Set<NodeID> = []
    /// Whose memory a bit flipped in.
    var spoiled: NodeID?
    /// What the first node that looked for a mark came to.
    private var looks: [UInt64: TopicHash] = [:]

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
        digests new: [TopicID: UInt64], after index: UInt64, _ id: NodeID, _ fail: (String) -> Void
    ) {
        guard id != spoiled else { return }
        // A node that loaded a snapshot of the time when a topic was dropped may not have it.
        for topic in new.keys.sorted() {
            if let known = digests[index]?[topic], known != new[topic] {
                fail("node \(id) has another state of topic \(topic) after entry \(index)")
            }
        }
        digests[index, default: [:]].merge(new) { known, _ in known }
    }

    mutating func note(
        _ look: StateLook, _ topic: TopicID, _ id: NodeID, _ fail: (String) -> Void
    ) {
        guard id != spoiled else { return }
        if let known = looks[look.number], known != look.hash {
            fail("node \(id) sees another state of topic \(topic) at mark \(look.number)")
        }
        looks[look.number] = look.hash
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

    /// What is committed is on the disks of a majority: of the members that this node knows, or of those
    /// that a leader counts already, who may be one more or less.
    private func checkMajority(_ entry: LogEntry, _ node: SimulatedNode) {
        guard let core = node.replica?.core, !core.isMembershipPending,
            entry.index > core.committedMembership.index
        else { return }
        let voters = core.committedMembership.members.voters
        let leaders = nodes.compactMap { $0.replica?.core }.filter { $0.role == .leader }
        let counted = [voters] + leaders.map(\.membership.voters)
        guard counted.allSatisfy({ holders(of: entry, among: $0).count <= $0.count / 2 }) else {
            return
        }
        fail(
            "entry \(entry.index) is committed and on the disks of "
                + "\(holders(of: entry, among: voters)) of \(voters)")
    }

    private func holders(of entry: LogEntry, among voters: [NodeID]) -> [NodeID] {
        voters.filter { id in
            guard let other = self.node(id) else { return false }
            guard let replica = other.replica else { return other.promised.durable >= entry.index }
            return replica.durableIndex >= entry.index
        }
    }

    /// Compares states at indices that every node passes, and at the ends of batches.
    func checkDigest(_ node: SimulatedNode, since before: UInt64) throws(ThalwegError) {
        let index = node.machine.appliedIndex
        guard before / 32 != index / 32 else { return }
        checks.note(digests: try node.machine.digests(), after: index, node.id) { fail($0) }
    }

    func checkEnd() throws(ThalwegError) {
        guard report.failures.isEmpty else { return }
        guard let leader = leader(nodes), let members = leader.replica?.core.membership else {
            return fail("nobody leads in the end")
        }
        let last = leader.machine.appliedIndex
        if last < checks.lastIndex { fail("the end is before entry \(checks.lastIndex)") }
        let digests = try leader.machine.digests()
        for member in members.members {
            guard let node = node(member.id), node.isUp else {
                if !checks.damaged.contains(member.id) { fail("member \(member.id) is not up") }
                continue
            }
            if node.machine.appliedIndex != last {
                fail(
                    "node \(node.id) stays at \(node.machine.appliedIndex) of \(last): "
                        + "\(nodes.map(\.description))")
            } else if try node.machine.digests() != digests {
                fail("node \(node.id) has another state in the end")
            }
        }
        for workload in workloads { try workload.checkEnd(leader, self) }
        for topic in digests.keys.sorted() { report.note(6, digests[topic] ?? 0, last) }
    }
}
