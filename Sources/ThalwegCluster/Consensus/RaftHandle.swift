#if THALWEG_RAFT
// The one file that touches C-Raft's memory.
//
// Invariants
//  1. `raft` is one zeroed allocation that never moves, from `init` to `deinit`; one thread uses it.
//  2. Payloads stay in Swift. An entry's C buffer is a place holder, but for members, which the core
//     reads. All entries of an event share one block from `raft_malloc`, the *batch*.
//  3. After an event with entries the batch is the core's to free unless it handed entries back in
//     the update or refused a submission: then it is ours. Arrays of entries are always ours.
//  4. A configuration given to an event belongs to the core from then on; one that came in an
//     update is ours, and is closed at once.
//  5. Messages and entries of an update are read before the next step.
import CRaft
import Glibc
import ThalwegLog
import ThalwegModel

final class RaftHandle {
    /// What one step said, as Swift values.
    struct Update {
        var vote: Vote?
        var entries: [LogEntry] = []
        var install: SnapshotPoint?
        var messages: [(to: NodeID, message: ConsensusMessage)] = []
        var isRoleChanged = false
        var isCommitChanged = false
    }

    private let raft: UnsafeMutablePointer<CRaft.raft>

    init(id: NodeID, options: ConsensusOptions) throws(ThalwegError) {
        guard raft_version_number() / 100 == 22 else {
            throw ThalwegError(
                .notSupported, "this program was linked with C-Raft \(raft_version_number())",
                advice: "build it with C-Raft 0.22 (scripts/get-raft.sh)")
        }
        raft = .allocate(capacity: 1)
        memset(raft, 0, MemoryLayout<CRaft.raft>.size)
        // Without an I/O backend the core is stepped, and does nothing by itself.
        guard raft_init(raft, nil, nil, id.rawValue, "self") == 0 else {
            raft.deallocate()
            throw Self.outOfMemory()
        }
        raft_seed(raft, options.seed)
        raft_set_pre_vote(raft, true)
        raft_set_election_timeout(raft, options.electionMilliseconds)
        raft_set_heartbeat_timeout(raft, options.heartbeatMilliseconds)
        raft_set_install_snapshot_timeout(raft, options.installMilliseconds)
        raft_set_max_inflight_entries(raft, options.entriesInFlight)
        raft_set_capacity_threshold(raft, 1)
    }

    deinit {
        raft_close(raft, nil)
        raft.deallocate()
    }

    // MARK: What the core knows

    var role: ConsensusRole {
        switch raft_state(raft) {
        case RAFT_LEADER: .leader
        case RAFT_CANDIDATE: .candidate
        default: .follower
        }
    }

    var vote: Vote {
        Vote(term: raft_current_term(raft), candidate: NodeID(raft_voted_for(raft)))
    }

    var leader: NodeID {
        var id: raft_id = 0
        var address: UnsafePointer<CChar>?
        raft_leader(raft, &id, &address)
        return NodeID(id)
    }

    var commitIndex: UInt64 { raft_commit_index(raft) }
    var deadline: UInt64 { raft_timeout(raft) }
    var lastIndex: UInt64 { raft_last_index(raft) }
    var transferee: NodeID { NodeID(raft_transferee(raft)) }

    /// How far a member's disk agrees with this leader's log.
    func matchIndex(_ id: NodeID) -> UInt64? {
        var index: raft_index = 0
        return raft_match_index(raft, id.rawValue, &index) == 0 ? index : nil
    }

    // MARK: Events

    func start(
        vote: Vote, snapshot: SnapshotPoint?, entries: [ConsensusCore.Recovered.Place],
        time: UInt64
    ) throws(ThalwegError) -> Update {
        var event = self.event(RAFT_START, time, .max)
        event.start.term = vote.term
        event.start.voted_for = vote.candidate.rawValue
        event.start.start_index = (snapshot?.index ?? 0) + 1
        let block = EntryBlock(entries)
        defer {
            block.freeBatch()
            block.freeArray()
        }
        event.start.entries = block.array
        event.start.n_entries = UInt32(entries.count)
        guard let snapshot else { return try step(&event, "start", given: []) }
        var metadata = try Self.metadata(snapshot)
        return try withUnsafeMutablePointer(to: &metadata) { (pointer) throws(ThalwegError) in
            event.start.metadata = pointer
            return try step(&event, "start", given: [])
        }
    }

    func timeout(_ time: UInt64, _ capacity: UInt16) throws(ThalwegError) -> Update {
        var event = self.event(RAFT_TIMEOUT, time, capacity)
        let update = try step(&event, "timeout", given: [])
        // A follower that may not stand itself (a learner, or one whose disk is behind) would go on
        // to believe in the leader it lost, and refuse its vote to everybody else.
        if role == .follower { forgetLeader() }
        return update
    }

    /// Of a follower: it has no leader any more, and its election timer is at its end if `isDue`.
    func forgetLeader(isDue: Bool = false) {
        precondition(role == .follower, "others have no leader")
        raft.pointee.follower_state.current_leader.id = 0
        if isDue { raft.pointee.follower_state.randomized_election_timeout = 0 }
    }

    func persisted(
        _ index: UInt64, _ time: UInt64, _ capacity: UInt16
    ) throws(ThalwegError)
        -> Update
    {
        var event = self.event(RAFT_PERSISTED_ENTRIES, time, capacity)
        event.persisted_entries.index = index
        return try step(&event, "persisted", given: [])
    }

    func installed(
        _ point: SnapshotPoint, _ time: UInt64, _ capacity: UInt16
    )
        throws(ThalwegError) -> Update
    {
        var event = self.event(RAFT_PERSISTED_SNAPSHOT, time, capacity)
        event.persisted_snapshot.metadata = try Self.metadata(point)
        event.persisted_snapshot.offset = 0
        event.persisted_snapshot.last = true
        return try step(&event, "installed", given: [])
    }

    func tookSnapshot(
        _ point: SnapshotPoint, trailing: Int, _ time: UInt64, _ capacity: UInt16
    ) throws(ThalwegError) -> Update {
        var event = self.event(RAFT_SNAPSHOT, time, capacity)
        event.snapshot.metadata = try Self.metadata(point)
        event.snapshot.trailing = UInt32(clamping: trailing)
        return try step(&event, "snapshot", given: [])
    }

    /// Says that the members of entry `index` are committed.
    func committed(
        _ membership: Membership, at index: UInt64, _ time: UInt64, _ capacity: UInt16
    ) throws(ThalwegError) -> Update {
        var event = self.event(RAFT_CONFIGURATION, time, capacity)
        event.configuration.index = index
        event.configuration.conf = try Self.configuration(membership)
        return try step(&event, "configuration", given: [])
    }

    /// Throws `not_leader`, `membership_busy`, `disk_full`; then nothing happened.
    func submit(
        _ entries: [LogEntry], _ time: UInt64, _ capacity: UInt16
    ) throws(ThalwegError) -> Update {
        var event = self.event(RAFT_SUBMIT, time, capacity)
        let block = EntryBlock(
            entries.map {
                ConsensusCore.Recovered.Place(term: vote.term, kind: $0.kind, payload: $0.payload)
            })
        defer { block.freeArray() }
        event.submit.entries = block.array
        event.submit.n = UInt32(entries.count)
        do throws(ThalwegError) {
            return try step(&event, "submit", given: entries)
        } catch {
            block.freeBatch()
            throw error
        }
    }

    func transfer(to id: NodeID, _ time: UInt64, _ capacity: UInt16) throws(ThalwegError) -> Update
    {
        var event = self.event(RAFT_TRANSFER, time, capacity)
        event.transfer.server_id = id.rawValue
        return try step(&event, "transfer", given: [])
    }

    func receive(
        _ message: ConsensusMessage, from id: NodeID, _ time: UInt64, _ capacity: UInt16
    ) throws(ThalwegError) -> Update {
        var event = self.event(RAFT_RECEIVE, time, capacity)
        var given: [LogEntry] = []
        var block: EntryBlock?
        var raw = try Self.raw(message)
        if case .append(let append) = message {
            given = append.entries
            let new = EntryBlock(
                given.map {
                    ConsensusCore.Recovered.Place(term: $0.term, kind: $0.kind, payload: $0.payload)
                })
            raw.append_entries.entries = new.array
            block = new
        }
        defer { block?.freeArray() }
        raw.server_id = id.rawValue
        // Addresses are the transport's affair; the core wants one, and copies it.
        var result: Result<Update, ThalwegError> = .success(Update())
        "peer".withCString { address in
            raw.server_address = address
            withUnsafeMutablePointer(to: &raw) { pointer in
                event.receive.message = pointer
                result = Result { () throws(ThalwegError) in
                    guard case .voteRequest = message else {
                        return try step(&event, "receive", given: given)
                    }
                    return try votingAnyhow { () throws(ThalwegError) in
                        try step(&event, "receive", given: given)
                    }
                }
            }
        }
        return try result.get()
    }

    /// Lets a learner vote if it is asked to. Whoever asks counts it as a voter, by an entry that
    /// this node may not have yet; the library would refuse, and a leader that fell while it made
    /// its second voter could then never be elected again. (Ongaro's dissertation, 4.2.2: requests
    /// are answered without a look at one's own members.)
    private func votingAnyhow(
        _ body: () throws(ThalwegError) -> Update
    ) throws(ThalwegError) -> Update {
        // Safe: the array has `n` servers, and a request for a vote does not replace it.
        let servers = UnsafeMutableBufferPointer(
            start: raft.pointee.configuration.servers, count: Int(raft.pointee.configuration.n))
        guard let own = servers.indices.first(where: { servers[$0].id == raft.pointee.id }),
            Int(servers[own].role) != Int(RAFT_VOTER)
        else { return try body() }
        let role = servers[own].role
        servers[own].role = Int32(RAFT_VOTER)
        defer { servers[own].role = role }
        return try body()
    }

    // MARK: The step

    private func event(
        _ type: raft_event_type, _ time: UInt64, _ capacity: UInt16
    ) -> raft_event {
        var event = raft_event()
        event.type = type
        event.time = time
        event.capacity = capacity
        return event
    }

    private func step(
        _ event: inout raft_event, _ name: String, given: [LogEntry]
    ) throws(ThalwegError) -> Update {
        var update = raft_update()
        let code = raft_step(raft, &event, &update)
        guard code == 0 else { throw Self.failure(code, name) }
        let flags = Int32(bitPattern: update.flags)
        var result = Update()
        if flags & (RAFT_UPDATE_CURRENT_TERM | RAFT_UPDATE_VOTED_FOR) != 0 { result.vote = vote }
        if flags & RAFT_UPDATE_ENTRIES != 0 {
            result.entries = Self.entries(update, given: given)
            // Ours by invariant 3.
            raft_free(update.entries.batch[0].batch)
        }
        if flags & RAFT_UPDATE_SNAPSHOT != 0 {
            result.install = SnapshotPoint(&update.snapshot.metadata)
        }
        if flags & RAFT_UPDATE_MESSAGES != 0 {
            for position in 0..<Int(update.messages.n) {
                let raw = update.messages.batch[position]
                if let message = ConsensusMessage(raw) {
                    result.messages.append((NodeID(raw.server_id), message))
                }
            }
        }
        result.isRoleChanged = flags & RAFT_UPDATE_STATE != 0
        result.isCommitChanged = flags & RAFT_UPDATE_COMMIT_INDEX != 0
        return result
    }

    /// The entries to append: the last ones of those given, or the leader's own barrier.
    private static func entries(_ update: raft_update, given: [LogEntry]) -> [LogEntry] {
        let count = Int(update.entries.n)
        return (0..<count).map { position in
            let raw = update.entries.batch[position]
            let index = update.entries.index + UInt64(position)
            guard raw.type != RAFT_BARRIER || !given.isEmpty else {
                return LogEntry(index: index, tag: 0, payload: [], term: raw.term, kind: .barrier)
            }
            let entry = given[given.count - count + position]
            return LogEntry(
                index: index, tag: entry.tag, payload: entry.payload, term: raw.term,
                kind: entry.kind)
        }
    }

    private static func failure(_ code: Int32, _ name: String) -> ThalwegError {
        switch Int(code) {
        case Int(RAFT_NOTLEADER):
            ThalwegError(
                .notLeader, "this node does not lead", advice: "ask the node that does")
        case Int(RAFT_NOSPACE):
            ThalwegError(
                .diskFull, "the disks of most nodes are full",
                advice: "make room; writes go on by themselves")
        case Int(RAFT_CANTCHANGE):
            ThalwegError(
                .membershipBusy, "another change of the members is under way",
                advice: "wait until it is committed")
        case Int(RAFT_BADID), Int(RAFT_NOTFOUND):
            ThalwegError(
                .invalidConfiguration, "there is no such voter",
                advice: "look at the cluster's members")
        case Int(RAFT_NOMEM):
            outOfMemory()
        default:
            ThalwegError(
                .clusterDiverged,
                "consensus stopped at '\(name)': \(String(cString: raft_strerror(code)))",
                advice: "keep the data directory for analysis; remove this node and add it anew")
        }
    }

    private static func outOfMemory() -> ThalwegError {
        ThalwegError(.memoryLimit, "no memory for consensus", advice: "give the server more")
    }
}
#endif
