// The safe face of the consensus core: no thread, clock, file or socket. Events and a time go in,
// what must be done comes out (`ConsensusOutputs`, in the order in which it must be done).
//
// Agreement is C-Raft's: elections with pre-vote, the commit rule, log matching, transfer. What is
// kept here, and checked at each step:
//  1. `runs` is the log that the core has in mind: entries are appended behind it without a gap,
//     and never truncated at or below what a snapshot holds or what is committed.
//  2. `persisted` names only entries that the log still has, each time more than before, and none
//     while a snapshot is being installed. (The library's own assertions are compiled out.)
//  3. A vote in outputs is durable before any message after it leaves: the caller's duty.
//
// Where the library asks for care:
//  4. A message's entries are handed over so that an entry with members comes first: the library
//     notes the index of the first entry of a message for it.
//  5. Members are confirmed to the library as soon as they are committed, and those before a newer
//     entry with members are, because there is one change at a time.
//  6. Entries at or below the snapshot are cut off a message: the library, asked for entry 1 that it
//     no longer has, would append it at its end.
//  7. A lone voter takes a new term, by a vote for itself, before it leads: the library would lead
//     in the term in which a leader that is on its way out may still lead. (At its start too.)
//  8. A learner votes if asked to: whoever asks may know better that it is a voter. And a follower
//     that hears of no leader forgets the one it had, also where it cannot stand for election.
//  9. Payloads with members are decoded before the library sees them: it trusts their lengths.
// 10. A message that ends below the commit index does not raise it: the library would take the end
//     of the message for the new commit index, and so go back.
// 11. A refused pre-vote says the refuser's term if that is higher: the library says the asker's, who
//     then never learns what keeps it from being elected.
// 12. A rejection of what a follower is known to have is old news: the library would step back behind
//     that, and then count a negative number of entries in flight, and send none for ever.
// 13. An answer that takes nothing in says how far this node is: the library leaves that as it found
//     the memory, where it refuses and where a snapshot is here already. Taken at its word, a leader
//     would count this node for entries that it does not have.
// 14. What a leader of an earlier term sent is answered here: the library answers it with an index that
//     it never set, in the new term. A leader that was elected again takes that for entries on the
//     follower's disk: it counts what is nowhere, and stops replication to it for ever.
#if THALWEG_RAFT
import ThalwegLog
public import ThalwegModel

public final class ConsensusCore {
    /// Whether this build has the library that agreement needs.
    public static let isAvailable = true

    public let id: NodeID
    let raft: RaftHandle
    /// The log as the core has it in mind, on the disk or on its way there.
    private(set) var runs: TermRuns
    private(set) var snapshot: SnapshotPoint?
    /// The snapshot that is being put in the place of the log.
    private(set) var installing: SnapshotPoint?
    private(set) var storedIndex: UInt64
    private(set) var time: UInt64
    /// The newest members that are committed, and the entry they come from.
    public private(set) var committedMembership: (index: UInt64, members: Membership)
    /// Members of entries that are not known to be committed, oldest first.
    private var pendingMemberships: [(index: UInt64, members: Membership)] = []
    /// The term that a lone voter took for itself.
    private var loneTerm: UInt64 = 0
    private var highestCommitIndex: UInt64 = 0
    /// Room on the disk in KiB; 0 while it is full.
    public var capacity: UInt16 = 60_000
    /// What starting asks for.
    public private(set) var firstOutputs = ConsensusOutputs()

    /// Begins where the disk says the node was. Throws `invalid_configuration`, `log_damaged`.
    public init(
        id: NodeID, recovered: Recovered, options: ConsensusOptions, time: UInt64
    ) throws(ThalwegError) {
        try options.validate()
        guard id != .none else {
            throw ThalwegError(.invalidConfiguration, "a node's identity is not 0")
        }
        self.id = id
        self.time = time
        raft = try RaftHandle(id: id, options: options)
        snapshot = recovered.snapshot
        let base = recovered.snapshot?.index ?? 0
        runs = TermRuns(behind: base)
        storedIndex = base + UInt64(recovered.entries.count)
        committedMembership = (
            recovered.snapshot?.membershipIndex ?? 0, recovered.snapshot?.membership ?? Membership()
        )
        for (position, entry) in recovered.entries.enumerated() {
            runs.append(term: entry.term)
            guard entry.kind == .membership else { continue }
            let members = try Membership(decoding: entry.payload)
            // The first entry is the same on every founder; of the others all but the newest are
            // known to be committed (5).
            if let previous = pendingMemberships.popLast() { committedMembership = previous }
            pendingMemberships.append((base + UInt64(position) + 1, members))
            if base == 0, position == 0 { committedMembership = pendingMemberships.removeLast() }
        }
        guard base > 0 || recovered.entries.isEmpty || recovered.entries[0].kind == .membership
        else {
            throw ThalwegError(
                .invalidConfiguration, "this log does not begin with the members of a cluster",
                advice: "make the data directory a cluster's first")
        }
        var vote = recovered.vote
        vote.term = max(vote.term, runs.term(at: runs.last), recovered.snapshot?.term ?? 0)
        if vote != recovered.vote { vote.candidate = .none }
        var startsWithVote = false
        if membership.isLoneVoter(id) {
            vote = Vote(term: vote.term + 1, candidate: id)
            loneTerm = vote.term
            startsWithVote = true
        }
        let update = try raft.start(
            vote: vote, snapshot: recovered.snapshot, entries: recovered.entries, time: time)
        if startsWithVote || vote != recovered.vote { firstOutputs.vote = vote }
        var outputs = firstOutputs
        try take(update, into: &outputs)
        try confirmMembership(into: &outputs)
        finish(&outputs)
        firstOutputs = outputs
    }

    // MARK: What is known

    public var role: ConsensusRole { raft.role }
    public var term: UInt64 { raft.vote.term }
    /// Who leads, as far as this node knows.
    public var leader: NodeID { raft.leader }
    public var commitIndex: UInt64 { raft.commitIndex }
    public var lastIndex: UInt64 { runs.last }
    /// The snapshot that outputs asked to install, until `installed`.
    public var installingPoint: SnapshotPoint? { installing }
    /// The members in force: the newest in the log, committed or not.
    public var membership: Membership {
        pendingMemberships.last?.members ?? committedMembership.members
    }
    /// Whether a change of the members is not committed yet.
    public var isMembershipPending: Bool { !pendingMemberships.isEmpty }

    /// Whether leadership is being handed over: nothing can be submitted.
    public var isTransferring: Bool { raft.transferee != .none }

    /// The term of an entry that the log or the snapshot's end has; 0 for others.
    public func term(at index: UInt64) -> UInt64 {
        if let snapshot, snapshot.index == index { return snapshot.term }
        return runs.term(at: index)
    }

    /// On a leader: what is durable on a member, as far as known.
    public func matchIndex(_ id: NodeID) -> UInt64? { raft.matchIndex(id) }

    // MARK: The step

    /// Takes one event. The time is in milliseconds; one that goes back counts as standing still.
    ///
    /// Throws `not_leader`, `membership_busy`, `disk_full`, `invalid_configuration` where nothing
    /// happened; `cluster_diverged`, `log_damaged`, `memory_limit` where the node must stop.
    public func step(
        _ event: ConsensusEvent, time now: UInt64
    ) throws(ThalwegError) -> ConsensusOutputs {
        time = max(time, now)
        var outputs = ConsensusOutputs()
        switch event {
        case .timeout: try timeout(into: &outputs)
        case .leaderLost(let stands):
            guard role == .follower else { break }
            raft.forgetLeader(isDue: stands)
            if stands { try timeout(into: &outputs) }
        case .received(let message, let sender): try receive(message, sender, into: &outputs)
        case .submit(let proposals): try submit(proposals, into: &outputs)
        case .change(let members): try change(members, into: &outputs)
        case .persisted(let index): try persisted(index, into: &outputs)
        case .installed: try installed(into: &outputs)
        case .tookSnapshot(let point, let trailing):
            try tookSnapshot(point, trailing, into: &outputs)
        case .transfer(let id):
            try take(raft.transfer(to: id, time, capacity), into: &outputs)
        }
        try confirmMembership(into: &outputs)
        finish(&outputs)
        return outputs
    }

    private func finish(_ outputs: inout ConsensusOutputs) {
        precondition(raft.lastIndex == runs.last, "both have the same log in mind (1)")
        outputs.deadline = raft.deadline
        outputs.messages.removeAll { $0.to == id }
    }

    private func timeout(into outputs: inout ConsensusOutputs) throws(ThalwegError) {
        guard time >= raft.deadline else { return }
        if role == .follower, membership.isLoneVoter(id), loneTerm != term {
            loneTerm = term + 1
            let request = ConsensusMessage.VoteRequest(
                term: loneTerm, candidate: id, lastIndex: runs.last, lastTerm: term(at: runs.last),
                disruptsLeader: true, isPreVote: false)
            try take(raft.receive(.voteRequest(request), from: id, time, capacity), into: &outputs)
            return
        }
        try take(raft.timeout(time, capacity), into: &outputs)
    }

    private func submit(
        _ proposals: [ConsensusEvent.Proposal], into outputs: inout ConsensusOutputs
    ) throws(ThalwegError) {
        guard !proposals.isEmpty else { return }
        let entries = proposals.map { LogEntry(index: 0, tag: $0.tag, payload: $0.payload) }
        try take(raft.submit(entries, time, capacity), into: &outputs)
    }

    private func change(
        _ members: Membership, into outputs: inout ConsensusOutputs
    ) throws(ThalwegError) {
        let checked = try members.checked()
        let old = Set(membership.members)
        guard Set(old.symmetricDifference(checked.members).map(\.id)).count == 1 else {
            throw ThalwegError(
                .invalidConfiguration, "members change one at a time",
                advice: "make one change, wait until it is committed, make the next")
        }
        // Whoever leads and no longer votes could fall before the others know, and they would wait for
        // a vote of its that it may not give.
        guard role != .leader || checked[id]?.role == .voter else {
            throw ThalwegError(
                .invalidConfiguration, "node \(id) leads, it cannot leave",
                advice: "hand leadership over first")
        }
        for voter in checked.voters where membership[voter]?.role == .learner {
            try checkCaughtUp(voter)
        }
        guard !isMembershipPending else {
            throw ThalwegError(
                .membershipBusy, "another change of the members is under way",
                advice: "wait until it is committed")
        }
        let entry = LogEntry(
            index: 0, tag: 0, payload: checked.encoded(), kind: .membership)
        try take(raft.submit([entry], time, capacity), into: &outputs)
    }

    /// A learner votes only once it has nearly everything, and knows that it is a member.
    private func checkCaughtUp(_ learner: NodeID) throws(ThalwegError) {
        let match = matchIndex(learner) ?? 0
        let lag = runs.last - min(match, runs.last)
        guard role != .leader || (match >= committedMembership.index && lag <= Self.promotableLag)
        else {
            throw .exceeded(
                .membershipBusy, "the number of entries that node \(learner) lags behind",
                value: Int(lag), limit: Int(Self.promotableLag), advice: "wait until it caught up")
        }
    }

    private static let promotableLag: UInt64 = 1_000

    private func persisted(
        _ index: UInt64, into outputs: inout ConsensusOutputs
    ) throws(ThalwegError) {
        precondition(installing == nil, "writes end before a snapshot is installed (2)")
        precondition(index > storedIndex && index <= runs.last, "only what the log has (2)")
        storedIndex = index
        try take(raft.persisted(index, time, capacity), into: &outputs)
    }

    private func installed(into outputs: inout ConsensusOutputs) throws(ThalwegError) {
        guard let point = installing else { preconditionFailure("a snapshot was being installed") }
        installing = nil
        storedIndex = point.index
        committedMembership = (point.membershipIndex, point.membership)
        pendingMemberships = []
        try take(raft.installed(point, time, capacity), into: &outputs)
    }

    private func tookSnapshot(
        _ point: SnapshotPoint, _ trailing: Int, into outputs: inout ConsensusOutputs
    ) throws(ThalwegError) {
        let index = point.index
        // One that was installed meanwhile is newer.
        guard installing == nil, index > snapshot?.index ?? 0 else { return }
        precondition(index <= commitIndex && index <= storedIndex, "a snapshot of what is agreed")
        precondition(point.term > 0 && point.term == term(at: index), "the log has its last entry")
        let first = index > UInt64(trailing) ? index - UInt64(trailing) : 0
        let update = try raft.tookSnapshot(point, trailing: trailing, time, capacity)
        if first > 0, term(at: first) != 0 { runs.dropPrefix(through: first) }
        snapshot = point
        try take(update, into: &outputs)
    }

    // MARK: Outputs

    func take(
        _ update: RaftHandle.Update, into outputs: inout ConsensusOutputs
    ) throws(ThalwegError) {
        if let vote = update.vote { outputs.vote = vote }
        if let first = update.entries.first { try append(update.entries, first.index, &outputs) }
        if let point = update.install {
            precondition(outputs.entries.isEmpty, "a snapshot replaces the log, nothing else")
            installing = point
            snapshot = point
            runs = TermRuns(behind: point.index)
            outputs.install = point
        }
        outputs.messages += update.messages.map { ($0.to, corrected($0.message)) }
        if update.isRoleChanged { outputs.role = raft.role }
        if update.isCommitChanged {
            precondition(raft.commitIndex >= highestCommitIndex, "what is committed stays so")
            highestCommitIndex = raft.commitIndex
            outputs.commitIndex = raft.commitIndex
        }
    }

    private func corrected(_ message: ConsensusMessage) -> ConsensusMessage {
        switch message {
        case .voteResult(var result) where result.isPreVote && !result.isGranted:
            // Who asks "would you vote for me" with a term below this node's is told this node's (11).
            result.term = max(result.term, term)
            return .voteResult(result)
        case .appendResult(var result) where result.rejectedIndex > 0:
            // (13)
            result.lastIndex = min(runs.last, result.rejectedIndex - 1)
            return .appendResult(result)
        default:
            return message
        }
    }

    private func append(
        _ entries: [LogEntry], _ first: UInt64, _ outputs: inout ConsensusOutputs
    ) throws(ThalwegError) {
        if first <= runs.last {
            precondition(first > snapshot?.index ?? 0, "what a snapshot holds is agreed (1)")
            precondition(outputs.entries.isEmpty, "a message truncates before it appends")
            runs.truncate(from: first)
            storedIndex = min(storedIndex, first - 1)
            pendingMemberships.removeAll { $0.index >= first }
            outputs.truncateFrom = first
        }
        for entry in entries {
            precondition(entry.index == runs.last + 1, "entries follow one another (1)")
            runs.append(term: entry.term)
            if entry.kind == .membership {
                pendingMemberships.append((entry.index, try Membership(decoding: entry.payload)))
            }
        }
        outputs.entries += entries
    }

    /// Confirms members up to the commit index, or up to `index` where that is known (5).
    func confirmMembership(
        before index: UInt64? = nil, into outputs: inout ConsensusOutputs
    ) throws(ThalwegError) {
        while let pending = pendingMemberships.first,
            pending.index <= commitIndex || pending.index < index ?? 0
        {
            pendingMemberships.removeFirst()
            committedMembership = pending
            try take(
                raft.committed(pending.members, at: pending.index, time, capacity), into: &outputs)
        }
    }
}
#endif
