import Testing
import ThalwegCluster
import ThalwegLog
import ThalwegModel

/// Cores in one process, with a disk and a network that are lists, and a time that is a number.
///
/// The network loses, delays, doubles and reorders; nodes crash and forget what was not synced.
/// After each step the safety of Raft is checked on everything that is visible.
final class CoreNet {
    /// One node: its disk, and the core while it runs.
    final class Node {
        let id: NodeID
        var vote = Vote()
        var log: [LogEntry] = []
        /// What the disk has synced; the rest of `log` is lost in a crash.
        var synced = 0
        /// Entries up to here are gone into the snapshot.
        var base: UInt64 = 0
        var snapshot: SnapshotPoint?
        var core: ConsensusCore?
        var deadline: UInt64 = 0
        var applied: UInt64 = 0
        /// The members as of `applied`.
        var membership: (index: UInt64, members: Membership) = (0, Membership())
        var syncDue: UInt64?
        var installDue: UInt64?

        init(_ id: NodeID) { self.id = id }

        var last: UInt64 { base + UInt64(log.count) }
        func entry(_ index: UInt64) -> LogEntry { log[Int(index - base) - 1] }
    }

    struct Letter {
        let due: UInt64
        let number: UInt64
        let from: NodeID
        let to: NodeID
        let message: ConsensusMessage
    }

    let seed: UInt64
    var random: SeededGenerator
    var nodes: [Node] = []
    private var letters: [Letter] = []
    private var letterNumber: UInt64 = 0
    private(set) var time: UInt64 = 0
    var lossPercent = 2
    var maximumDelay: UInt64 = 20
    /// Letters from the first to the second are lost.
    var cut: Set<[NodeID]> = []
    var trailing = 50
    var snapshotEvery: UInt64 = 200

    /// The one history: what any node saw committed at each index.
    private(set) var history: [UInt64: LogEntry] = [:]
    /// Who led in each term.
    private var leaders: [UInt64: NodeID] = [:]
    private(set) var submitted = 0
    private(set) var failures: [String] = []

    init(seed: UInt64, founders: Int) throws {
        self.seed = seed
        random = SeededGenerator(seed: seed)
        let members = Membership(
            (1...founders).map { Member(NodeID(UInt64($0)), address: "node\($0)") })
        for number in 1...founders {
            let node = Node(NodeID(UInt64(number)))
            node.log = [
                LogEntry(
                    index: 1, tag: 0, payload: members.encoded(), term: 1, kind: .membership)
            ]
            node.synced = 1
            node.vote = Vote(term: 1)
            nodes.append(node)
        }
        for node in nodes { try start(node) }
    }

    func fail(_ what: String) { failures.append("seed \(seed), \(time) ms: \(what)") }

    func node(_ id: NodeID) -> Node? { nodes.first { $0.id == id } }

    var leader: Node? {
        nodes.filter { $0.core?.role == .leader }.max {
            ($0.core?.term ?? 0) < ($1.core?.term ?? 0)
        }
    }

    // MARK: Nodes

    func start(_ node: Node) throws {
        var options = ConsensusOptions()
        options.electionMilliseconds = 100
        options.heartbeatMilliseconds = 20
        options.installMilliseconds = 500
        options.seed = UInt32(truncatingIfNeeded: random.next())
        let behind = node.log.drop { $0.index <= node.snapshot?.index ?? 0 }
        node.base = node.snapshot?.index ?? 0
        node.log = Array(behind)
        node.synced = node.log.count
        node.applied = node.base
        node.membership = (
            node.snapshot?.membershipIndex ?? 0, node.snapshot?.membership ?? Membership()
        )
        let core = try ConsensusCore(
            id: node.id,
            recovered: .init(
                vote: node.vote, snapshot: node.snapshot,
                entries: node.log.map { ConsensusCore.Recovered.Place($0) }),
            options: options, time: time)
        node.core = core
        take(core.firstOutputs, node)
    }

    func crash(_ node: Node) {
        node.core = nil
        node.log.removeLast(node.log.count - node.synced)
        node.syncDue = nil
        node.installDue = nil
    }

    @discardableResult
    func step(_ node: Node, _ event: ConsensusEvent) -> Bool {
        guard let core = node.core else { return false }
        do {
            take(try core.step(event, time: time), node)
            return true
        } catch {
            if ![.notLeader, .membershipBusy, .invalidConfiguration].contains(error.code) {
                fail("node \(node.id): \(error)")
            }
            return false
        }
    }

    private func take(_ outputs: ConsensusOutputs, _ node: Node) {
        if let vote = outputs.vote {
            if vote.term < node.vote.term { fail("a term went back on \(node.id)") }
            if vote.term == node.vote.term, node.vote.candidate != .none,
                vote.candidate != node.vote.candidate
            {
                fail("node \(node.id) voted twice in \(vote.term)")
            }
            node.vote = vote
        }
        if let first = outputs.truncateFrom {
            node.log.removeLast(Int(node.last - first + 1))
            node.synced = min(node.synced, node.log.count)
        }
        if let first = outputs.entries.first {
            if first.index != node.last + 1 { fail("a gap before \(first.index)") }
            node.log += outputs.entries
            if node.syncDue == nil { node.syncDue = time + .random(in: 0...5, using: &random) }
        }
        if outputs.install != nil { node.installDue = time + .random(in: 1...30, using: &random) }
        for (to, message) in outputs.messages { send(message, from: node, to: to) }
        if outputs.role == .leader, let term = node.core?.term {
            if let other = leaders[term], other != node.id {
                fail("\(other) and \(node.id) lead in term \(term)")
            }
            leaders[term] = node.id
        }
        node.deadline = outputs.deadline
    }

    private func send(_ message: ConsensusMessage, from node: Node, to: NodeID) {
        var message = message
        if case .append(var append) = message, append.count > 0 {
            guard append.previousIndex >= node.base else { return }
            let start = Int(append.previousIndex - node.base)
            append.entries = Array(node.log[start..<start + append.count])
            message = .append(append)
        }
        if case .install(_, let term) = message {
            guard let snapshot = node.snapshot else { return fail("no snapshot to send") }
            message = .install(snapshot, term: term)
        }
        if Int.random(in: 0..<100, using: &random) < lossPercent { return }
        let copies = Int.random(in: 0..<50, using: &random) == 0 ? 2 : 1
        for _ in 0..<copies {
            letterNumber += 1
            letters.append(
                Letter(
                    due: time + .random(in: 1...maximumDelay, using: &random),
                    number: letterNumber, from: node.id, to: to, message: message))
        }
    }

    // MARK: Time

    /// Lets a millisecond pass.
    func tick() {
        time += 1
        for node in nodes where node.core != nil {
            if let due = node.syncDue, due <= time { sync(node) }
            if let due = node.installDue, due <= time { install(node) }
            if node.deadline <= time { step(node, .timeout) }
        }
        let due = letters.filter { $0.due <= time }.sorted {
            ($0.due, $0.number) < ($1.due, $1.number)
        }
        letters.removeAll { $0.due <= time }
        for letter in due where !cut.contains([letter.from, letter.to]) {
            guard let node = node(letter.to), node.core != nil else { continue }
            step(node, .received(letter.message, from: letter.from))
        }
        for node in nodes { apply(node) }
    }

    private func sync(_ node: Node) {
        node.syncDue = nil
        guard node.installDue == nil, node.log.count > node.synced else { return }
        node.synced = node.log.count
        step(node, .persisted(node.last))
    }

    private func install(_ node: Node) {
        node.installDue = nil
        // The pieces came before: what is installed is what the core was told to.
        guard let point = pointBeingInstalled(node) else { return }
        node.snapshot = point
        node.base = point.index
        node.log = []
        node.synced = 0
        node.applied = point.index
        node.membership = (point.membershipIndex, point.membership)
        step(node, .installed)
    }

    private func pointBeingInstalled(_ node: Node) -> SnapshotPoint? {
        node.core?.installingPoint
    }

    private func apply(_ node: Node) {
        guard let core = node.core, node.installDue == nil else { return }
        while node.applied < min(core.commitIndex, node.base + UInt64(node.synced)) {
            node.applied += 1
            let entry = node.entry(node.applied)
            if let known = history[entry.index], known != entry {
                fail("node \(node.id) applies another entry \(entry.index)")
            }
            history[entry.index] = entry
            if entry.kind == .membership, let members = try? Membership(decoding: entry.payload) {
                node.membership = (entry.index, members)
            }
        }
        if snapshotEvery > 0, node.applied >= (node.snapshot?.index ?? 0) + snapshotEvery {
            let point = SnapshotPoint(
                index: node.applied, term: core.term(at: node.applied),
                membershipIndex: node.membership.index, membership: node.membership.members)
            let keep = node.applied > UInt64(trailing) ? node.applied - UInt64(trailing) : 0
            node.snapshot = point
            step(node, .tookSnapshot(point, trailing: trailing))
            if keep > node.base {
                node.log.removeFirst(Int(keep - node.base))
                node.synced -= Int(keep - node.base)
                node.base = keep
            }
        }
    }

    func submit() {
        guard let leader else { return }
        submitted += 1
        let payload = withUnsafeBytes(of: UInt64(submitted).littleEndian) { Array($0) }
        step(leader, .submit([.init(tag: 1, payload: payload)]))
    }
}
