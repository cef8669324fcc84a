// A node of the cluster as a state machine: the consensus core, the entries in memory, what waits
// for the disk and for the network. It has no thread, clock, file or socket of its own: time is an
// argument, messages and events are taken from `outbox` and `events`, and the disk's work is a job
// that somebody runs and reports. The simulation and production drive the same code.
//
//   messages, proposals, time ──► core ──► outputs ──► cache ──► job ──► disk ──► persisted ──► core
//                                             │                                     │
//                                             └──► outbox (held while a vote is     └──► events
//                                                  not durable)
//
// Invariants
//  1. No message that follows a vote leaves before the vote is durable.
//  2. Only entries that are durable here are reported to the core, and delivered.
//  3. At most one job is under way. What a truncation makes void while it is, is not reported.
//  4. Events are delivered in log order, each entry once in the life of the process.
//  5. `leads` is told after every entry of earlier terms was delivered, `follows` before any entry
//     of a later leader.
package import ThalwegLog
package import ThalwegModel

package final class Replica {
    package let id: NodeID
    package let options: ReplicaOptions
    let core: ConsensusCore
    let log: ReplicaLog
    var time: UInt64

    // MARK: The log in memory and on its way

    var cache: LogCache
    var unwritten: [LogEntry] = []
    var unsavedVote: Vote?
    var truncateFrom: UInt64?
    var job: DiskJob?
    /// The last index of the job that still counts (3).
    var jobIndex: UInt64 = 0
    var isJobDue = false
    var retryAt: UInt64?
    var isEndMarked = true
    /// The last index that was handed to the disk.
    var handedIndex: UInt64
    /// Everything up to here is durable, and the core knows.
    package internal(set) var durableIndex: UInt64
    var snapshotWork: [DiskJob.SnapshotWork] = []
    var held: [(to: NodeID, message: PeerMessage)] = []

    // MARK: What others take

    /// Messages to send, in order.
    package var outbox: [(to: NodeID, message: PeerMessage)] = []
    /// What happened, in order.
    package var events: [ReplicaEvent] = []
    package internal(set) var deliveredIndex: UInt64
    /// The members of delivered entries, as far back as a snapshot may need them.
    var memberships: [(index: UInt64, members: Membership)]
    /// When `tick` is due, in milliseconds.
    package private(set) var deadline: UInt64 = 0
    /// While true the disk has no room.
    package internal(set) var isDiskFull = false { didSet { if !isDiskFull { fullTries = 0 } } }
    /// How often a job found no room, one try after the other.
    var fullTries = 0
    /// While true proposals are refused for lack of room. Where others vote, one of them may have room
    /// and lead: it is given a moment.
    package var refusesForRoom: Bool {
        isDiskFull && (fullTries > 1 || core.membership.voters.count == 1)
    }

    /// There is no leader for want of room: this node was elected and cannot write that it leads, or
    /// nobody was heard of for long.
    package var keepsNobodyLeading: Bool {
        guard refusesForRoom, !leads else { return false }
        if core.role == .leader { return true }
        let patience = 10 * UInt64(options.consensus.electionMilliseconds)
        return core.leader == .none && time > (leaderHeardAt ?? startedAt) + patience
    }

    // MARK: Roles and snapshots

    private var leadsFrom: UInt64?
    package private(set) var leads = false
    private var toldLeader = NodeID.none
    /// When a message of the one who leads came.
    package private(set) var leaderHeardAt: UInt64?
    private let startedAt: UInt64
    /// When each member's last message came.
    private(set) var heardAt: [NodeID: UInt64] = [:]
    /// The members did not name it when it was told.
    private var isToldLeaderUnknown = false
    private var coreDeadline: UInt64 = 0
    var transfers: [NodeID: SnapshotTransfer] = [:]
    var incoming: IncomingSnapshot?
    /// Entries on their way to followers.
    var flows: [NodeID: PeerFlow] = [:]
    /// A snapshot of another node is being put in the place of the state: nothing is delivered.
    package internal(set) var isRestoring = false
    /// The leader, since its connection ended and until it is heard of again.
    var lostLeader: LostLeader?
    /// There is more to deliver than one turn does.
    private var isDeliveryDue = false

    /// Begins where the disk says. `founders` found a cluster if the disk has no log yet.
    package init(
        _ opened: ReplicaLog.Opened, founders: Membership?, options: ReplicaOptions, time: UInt64
    ) throws(ThalwegError) {
        self.options = options
        self.time = time
        startedAt = time
        log = opened.log
        id = NodeID(opened.state.node)
        let recovered = try Self.recover(opened, founders)
        core = try ConsensusCore(
            id: id, recovered: recovered, options: options.consensus, time: time)
        let base = recovered.snapshot?.index ?? 0
        handedIndex = log.durableIndex
        durableIndex = log.durableIndex
        deliveredIndex = base
        memberships = [
            (
                recovered.snapshot?.membershipIndex ?? 0,
                recovered.snapshot?.membership ?? Membership()
            )
        ]
        cache = LogCache(behind: log.durableIndex)
        try take(core.firstOutputs)
    }

    private static func recover(
        _ opened: ReplicaLog.Opened, _ founders: Membership?
    ) throws(ThalwegError) -> ConsensusCore.Recovered {
        var state = opened.state
        var recovered = ConsensusCore.Recovered()
        if let snapshot = opened.snapshot {
            recovered.snapshot = try SnapshotPoint(index: snapshot.index, place: snapshot.place)
        }
        while let entry = try opened.entries.next() {
            recovered.entries.append(.init(entry))
        }
        if let founders, recovered.snapshot == nil, recovered.entries.isEmpty, state.term == 0 {
            let entry = LogEntry(
                index: 1, tag: 0, payload: try founders.checked().encoded(), term: 1,
                kind: .membership)
            state.term = 1
            try opened.log.save(state)
            try opened.log.append([entry])
            recovered.entries = [.init(entry)]
        }
        recovered.vote = Vote(term: state.term, candidate: NodeID(state.vote))
        return recovered
    }

    // MARK: Events from outside

    package func tick(_ now: UInt64) throws(ThalwegError) {
        time = max(time, now)
        if time >= coreDeadline { try step(.timeout) }
        try standInTurn()
        if let retryAt, time >= retryAt {
            self.retryAt = nil
            isJobDue = true
        }
        resendPieces()
        if isDeliveryDue { try deliver() }
        refreshDeadline()
    }

    package func receive(
        _ message: PeerMessage, from sender: NodeID, _ now: UInt64
    ) throws(ThalwegError) {
        time = max(time, now)
        switch message {
        case .consensus(let message):
            if case .voteRequest = message, isStranger(sender) {
                outbox.append((sender, .removed(membershipIndex: core.committedMembership.index)))
                return
            }
            // The state comes in pieces, never by this message.
            if case .install = message { return }
            note(message, from: sender)
            if case .voteRequest = message, lostLeader != nil {
                try step(.leaderLost(stands: false))
            }
            try step(.received(message, from: sender))
            try sendOn(to: sender)
        case .piece(let piece): try take(piece, from: sender)
        case .wanted(let index, let offset): send(to: sender, index: index, from: offset)
        case .removed(let index):
            guard core.membership[sender] != nil, index > core.committedMembership.index else {
                return
            }
            throw ThalwegError(
                .removedFromCluster, "this node was removed from the cluster",
                advice: "empty its data directory and add it as a new node")
        }
        if sender == core.leader {
            leaderHeardAt = time
            lostLeader = nil
        }
        if core.membership[sender] != nil { heardAt[sender] = time }
        if isDiskFull { try giveWayForRoom() }
        refreshDeadline()
    }

    /// Whether somebody who wants votes has no say here, and should know.
    private func isStranger(_ sender: NodeID) -> Bool {
        let members = core.membership
        return !members.isEmpty && members[sender] == nil && !core.isMembershipPending
    }

    /// Appends commands, all of them or none.
    ///
    /// Throws `not_leader`, `disk_full`, `too_many_requests` while leadership is handed over.
    package func propose(
        _ proposals: [ConsensusEvent.Proposal], _ now: UInt64
    ) throws(ThalwegError) {
        time = max(time, now)
        guard leads else { throw ThalwegError(.notLeader, "this node does not lead") }
        guard !core.isTransferring else {
            throw ThalwegError(.tooManyRequests, "leadership is being handed over")
        }
        try step(.submit(proposals))
        refreshDeadline()
    }

    /// Changes the members, or hands leadership over; errors as `ConsensusCore.step`.
    package func change(
        _ event: ConsensusEvent, _ now: UInt64
    ) throws(ThalwegError) {
        time = max(time, now)
        try step(event)
        refreshDeadline()
    }

    /// The state is that of the snapshot which `restored` told of: delivery goes on behind it.
    package func hasRestored(_ now: UInt64) throws(ThalwegError) {
        precondition(isRestoring, "a snapshot was being restored")
        time = max(time, now)
        isRestoring = false
        try deliver()
        refreshDeadline()
    }

    /// This node's own snapshot of the state after `point.index` is durable under its name.
    package func tookSnapshot(_ point: SnapshotPoint) throws(ThalwegError) {
        let first = firstToKeep(before: point.index)
        let needed = memberships.lastIndex { $0.index <= point.index } ?? 0
        memberships.removeFirst(needed)
        snapshotWork.append(.note(index: point.index, keepingFrom: first))
        try step(.tookSnapshot(point, trailing: Int(point.index + 1 - first)))
    }

    /// What to note in a snapshot of the state after entry `index`; nil where it was not delivered,
    /// there is a newer one, or one is coming from elsewhere.
    package func snapshotPoint(at index: UInt64) -> SnapshotPoint? {
        guard core.installingPoint == nil, incoming == nil, !isRestoring,
            index > log.snapshotIndex, index <= deliveredIndex, core.term(at: index) > 0,
            let (membershipIndex, members) = memberships.last(where: { $0.index <= index })
        else { return nil }
        return SnapshotPoint(
            index: index, term: core.term(at: index), membershipIndex: membershipIndex,
            membership: members)
    }

    private func firstToKeep(before index: UInt64) -> UInt64 {
        let trailing = UInt64(options.trailingEntries)
        return max(
            index > trailing ? index + 1 - trailing : 1,
            log.firstIndex(
                within: UInt64(options.trailingBytes), before: index))
    }

    // MARK: The core's outputs

    func step(_ event: ConsensusEvent) throws(ThalwegError) {
        core.capacity = isDiskFull ? 0 : 60_000
        try take(try core.step(event, time: time))
    }

    private func take(_ outputs: ConsensusOutputs) throws(ThalwegError) {
        if let vote = outputs.vote { unsavedVote = vote }
        if outputs.role != nil { noteRole() }
        if let first = outputs.truncateFrom { truncate(from: first) }
        for entry in outputs.entries { cache.append(entry) }
        unwritten += outputs.entries
        if let point = outputs.install { beginInstall(point) }
        if outputs.role == .leader { leadsFrom = core.lastIndex }
        for (to, message) in outputs.messages { try queue(message, to: to) }
        coreDeadline = outputs.deadline
        try deliver()
        noteLeader()
    }

    private func truncate(from first: UInt64) {
        precondition(first > deliveredIndex, "what was delivered stays")
        cache.truncate(from: first)
        unwritten.removeAll { $0.index >= first }
        jobIndex = min(jobIndex, first - 1)
        durableIndex = min(durableIndex, first - 1)
        if first <= handedIndex {
            truncateFrom = min(truncateFrom ?? first, first)
            handedIndex = first - 1
        }
    }

    private func beginInstall(_ point: SnapshotPoint) {
        unwritten = []
        truncateFrom = nil
        jobIndex = 0
        durableIndex = 0
        cache = LogCache(behind: point.index)
        snapshotWork.append(.install)
    }

    // MARK: Delivery

    private func deliver() throws(ThalwegError) {
        guard core.installingPoint == nil else { return }
        // What is durable can be read again.
        guard !isRestoring else {
            return cache.evict(through: durableIndex, limit: options.cacheBytes)
        }
        let end = min(core.commitIndex, durableIndex)
        // Whoever has much to catch up with is heard of all the same.
        var batches = 0
        while deliveredIndex < end, batches < 4 {
            batches += 1
            let batch = try entries(from: deliveredIndex + 1, through: end, bytes: 4 << 20)
            guard let last = batch.last else {
                throw ThalwegError(.logDamaged, "entry \(deliveredIndex + 1) is gone from the log")
            }
            for entry in batch where entry.kind == .membership {
                memberships.append((entry.index, try Membership(decoding: entry.payload)))
            }
            deliveredIndex = last.index
            events.append(.committed(batch))
        }
        isDeliveryDue = deliveredIndex < end
        cache.evict(through: deliveredIndex, limit: options.cacheBytes)
        if let leadsFrom, deliveredIndex >= leadsFrom, core.role == .leader {
            self.leadsFrom = nil
            leads = true
            events.append(.leads(term: core.term))
        }
    }

    /// The core's part changed: whatever it is now, it is a new one.
    private func noteRole() {
        leadsFrom = nil
        transfers = [:]
        flows = [:]
        guard leads else { return }
        leads = false
        events.append(.follows)
    }

    private func noteLeader() {
        let leader = core.role == .leader ? id : core.leader
        if lostLeader?.leader != leader { lostLeader = nil }
        // A node that joins hears of its leader before it hears who that is.
        let isNamed = isToldLeaderUnknown && core.membership[leader] != nil
        guard leader != toldLeader || isNamed else { return }
        toldLeader = leader
        isToldLeaderUnknown = leader != .none && core.membership[leader] == nil
        events.append(.leader(leader))
    }

    func discardIncoming() {
        incoming = nil
        snapshotWork.append(.discard)
    }

    func write(_ piece: SnapshotPiece, from sender: NodeID) {
        snapshotWork.append(.piece(piece, from: sender))
    }

    func refreshDeadline() {
        deadline = coreDeadline
        if let retryAt { deadline = min(deadline, retryAt) }
        if let turn { deadline = min(deadline, turn) }
        if isDeliveryDue { deadline = min(deadline, time) }
        for transfer in transfers.values { deadline = min(deadline, transfer.resendAt) }
    }
}
