#if THALWEG_RAFT
// Values in both languages. The rules of who owns what are in `RaftHandle.swift`.
import CRaft
import Glibc
import ThalwegLog
import ThalwegModel

/// C entries whose buffers lie in one block.
struct EntryBlock {
    let array: UnsafeMutablePointer<raft_entry>?
    private let batch: UnsafeMutableRawPointer?

    init(_ entries: [ConsensusCore.Recovered.Place]) {
        guard !entries.isEmpty else {
            array = nil
            batch = nil
            return
        }
        let size = entries.reduce(8) { $0 + ($1.kind == .membership ? $1.payload.count : 0) }
        // Safe: checked; the core has the same allocator and may free it.
        guard let batch = raft_malloc(size) else {
            preconditionFailure("no memory for \(size) bytes of members")
        }
        let array = UnsafeMutablePointer<raft_entry>.allocate(capacity: entries.count)
        var used = 0
        for (position, entry) in entries.enumerated() {
            var raw = raft_entry()
            raw.term = entry.term
            raw.type = entry.kind.raw
            raw.batch = batch
            // Safe: `size` has room for every payload that is copied.
            raw.buf.base = batch + used
            if entry.kind == .membership {
                raw.buf.len = entry.payload.count
                entry.payload.withUnsafeBytes { bytes in
                    UnsafeMutableRawBufferPointer(start: batch + used, count: bytes.count)
                        .copyMemory(from: bytes)
                }
                used += entry.payload.count
            }
            (array + position).initialize(to: raw)
        }
        self.array = array
        self.batch = batch
    }

    func freeArray() { array?.deallocate() }
    func freeBatch() { raft_free(batch) }
}

extension LogEntry.Kind {
    var raw: raft_entry_type {
        switch self {
        case .command: RAFT_COMMAND
        case .barrier: RAFT_BARRIER
        case .membership: RAFT_CHANGE
        }
    }
}

extension SnapshotPoint {
    /// Takes the metadata of an update, which is ours to close.
    init(_ raw: inout raft_snapshot_metadata) {
        self.init(
            index: raw.index, term: raw.term, membershipIndex: raw.configuration_index,
            membership: Membership(raw.configuration))
        raft_configuration_close(&raw.configuration)
    }
}

extension Membership {
    init(_ raw: raft_configuration) {
        self.init(
            (0..<Int(raw.n)).map { position in
                let server = raw.servers[position]
                let role: Member.Role = Int(server.role) == Int(RAFT_VOTER) ? .voter : .learner
                guard
                    let member = Member(
                        NodeID(server.id), addresses: String(cString: server.address), role: role)
                else { preconditionFailure("the library knows only members that we made") }
                return member
            })
    }
}

extension RaftHandle {
    static func configuration(_ membership: Membership) throws(ThalwegError) -> raft_configuration {
        var raw = raft_configuration()
        raft_configuration_init(&raw)
        for member in membership.members {
            let role = member.role == .voter ? RAFT_VOTER : RAFT_STANDBY
            guard
                raft_configuration_add(
                    &raw, member.id.rawValue, member.addresses, Int32(role)) == 0
            else {
                raft_configuration_close(&raw)
                throw ThalwegError(
                    .invalidConfiguration, "node \(member.id) cannot be a member twice",
                    advice: "give each member one identity and one address")
            }
        }
        return raw
    }

    static func metadata(_ point: SnapshotPoint) throws(ThalwegError) -> raft_snapshot_metadata {
        var raw = raft_snapshot_metadata()
        raw.index = point.index
        raw.term = point.term
        raw.configuration_index = point.membershipIndex
        raw.configuration = try configuration(point.membership)
        return raw
    }

    static func raw(_ message: ConsensusMessage) throws(ThalwegError) -> raft_message {
        var raw = raft_message()
        switch message {
        case .append(let append):
            raw.type = RAFT_APPEND_ENTRIES
            raw.append_entries.version = 0
            raw.append_entries.term = append.term
            raw.append_entries.prev_log_index = append.previousIndex
            raw.append_entries.prev_log_term = append.previousTerm
            raw.append_entries.leader_commit = append.commitIndex
            raw.append_entries.n_entries = UInt32(append.entries.count)
        case .appendResult(let result):
            raw.type = RAFT_APPEND_ENTRIES_RESULT
            raw.append_entries_result.version = 2
            raw.append_entries_result.term = result.term
            raw.append_entries_result.rejected = result.rejectedIndex
            raw.append_entries_result.last_log_index = result.lastIndex
            raw.append_entries_result.features = 1
            raw.append_entries_result.capacity = result.capacity
        case .voteRequest(let request):
            raw.type = RAFT_REQUEST_VOTE
            raw.request_vote.version = 2
            raw.request_vote.term = request.term
            raw.request_vote.candidate_id = request.candidate.rawValue
            raw.request_vote.last_log_index = request.lastIndex
            raw.request_vote.last_log_term = request.lastTerm
            raw.request_vote.disrupt_leader = request.disruptsLeader
            raw.request_vote.pre_vote = request.isPreVote
        case .voteResult(let result):
            raw.type = RAFT_REQUEST_VOTE_RESULT
            raw.request_vote_result.version = 2
            raw.request_vote_result.term = result.term
            raw.request_vote_result.vote_granted = result.isGranted
            raw.request_vote_result.pre_vote = result.isPreVote
            raw.request_vote_result.features = 1
            raw.request_vote_result.capacity = result.capacity
        case .install(let point, let term):
            raw.type = RAFT_INSTALL_SNAPSHOT
            raw.install_snapshot.version = 0
            raw.install_snapshot.term = term
            raw.install_snapshot.last_index = point.index
            raw.install_snapshot.last_term = point.term
            raw.install_snapshot.conf_index = point.membershipIndex
            raw.install_snapshot.conf = try configuration(point.membership)
        case .timeoutNow(let term, let lastIndex, let lastTerm):
            raw.type = RAFT_TIMEOUT_NOW
            raw.timeout_now.version = 0
            raw.timeout_now.term = term
            raw.timeout_now.last_log_index = lastIndex
            raw.timeout_now.last_log_term = lastTerm
        }
        return raw
    }
}

extension ConsensusMessage {
    /// Nil for kinds that this version does not know.
    init?(_ raw: raft_message) {
        switch raw.type {
        case RAFT_APPEND_ENTRIES:
            let append = raw.append_entries
            self = .append(
                Append(
                    term: append.term, previousIndex: append.prev_log_index,
                    previousTerm: append.prev_log_term, commitIndex: append.leader_commit,
                    count: Int(append.n_entries)))
        case RAFT_APPEND_ENTRIES_RESULT:
            let result = raw.append_entries_result
            self = .appendResult(
                AppendResult(
                    term: result.term, rejectedIndex: result.rejected,
                    lastIndex: result.last_log_index, capacity: result.capacity))
        case RAFT_REQUEST_VOTE:
            let request = raw.request_vote
            self = .voteRequest(
                VoteRequest(
                    term: request.term, candidate: NodeID(request.candidate_id),
                    lastIndex: request.last_log_index, lastTerm: request.last_log_term,
                    disruptsLeader: request.disrupt_leader, isPreVote: request.pre_vote))
        case RAFT_REQUEST_VOTE_RESULT:
            let result = raw.request_vote_result
            self = .voteResult(
                VoteResult(
                    term: result.term, isGranted: result.vote_granted, isPreVote: result.pre_vote,
                    capacity: result.capacity))
        case RAFT_INSTALL_SNAPSHOT:
            let install = raw.install_snapshot
            self = .install(
                SnapshotPoint(
                    index: install.last_index, term: install.last_term,
                    membershipIndex: install.conf_index, membership: Membership()),
                term: install.term)
        case RAFT_TIMEOUT_NOW:
            let now = raw.timeout_now
            self = .timeoutNow(
                term: now.term, lastIndex: now.last_log_index, lastTerm: now.last_log_term)
        default:
            return nil
        }
    }
}
#endif
