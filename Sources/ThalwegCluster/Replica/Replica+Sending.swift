// What the core wants sent, as far as it can leave now. The core asks for all that a follower lacks, up
// to `entriesInFlight` entries at once: they may be hundreds of megabytes on the disk, and it asks again
// with each heartbeat. Here that is a flow: so many bytes are on the way, more follow the answers.
//
//     acknowledged … │ sent, unanswered (at most `windowBytes`) │ queued: the core believes it sent │ …
//                                                         sentThrough                     queuedThrough
import ThalwegLog
import ThalwegModel

extension LogEntry {
    /// What it takes in a message, in a group for the disk and in memory, about.
    var roomBytes: Int { payload.count + 64 }
}

/// Entries on their way to a follower.
struct PeerFlow {
    /// The flow began behind this entry.
    let start: UInt64
    var sentThrough: UInt64
    var queuedThrough: UInt64
    /// When something was sent for the first time, or answered.
    private(set) var movedAt: UInt64
    /// When the follower was last sent something that it answers at once.
    var beatAt: UInt64
    /// The last entry of each message that is under way, and its bytes.
    private var unanswered: [(index: UInt64, bytes: Int)] = []
    private(set) var unansweredBytes = 0

    init(behind start: UInt64, through last: UInt64, time: UInt64) {
        self.start = start
        sentThrough = start
        queuedThrough = last
        movedAt = time
        beatAt = time
    }

    var isDone: Bool { sentThrough == queuedThrough && unanswered.isEmpty }
    var isIdle: Bool { unanswered.isEmpty }

    mutating func sent(_ entries: [LogEntry], time: UInt64) {
        guard let last = entries.last else { preconditionFailure("a message has entries") }
        let bytes = entries.reduce(0) { $0 + $1.roomBytes }
        unanswered.append((last.index, bytes))
        unansweredBytes += bytes
        sentThrough = last.index
        movedAt = time
    }

    /// The follower has everything up to an entry on its disk.
    mutating func answered(through index: UInt64, time: UInt64) {
        let count = unanswered.firstIndex { $0.index > index } ?? unanswered.count
        guard count > 0 else { return }
        unansweredBytes -= unanswered[..<count].reduce(0) { $0 + $1.bytes }
        unanswered.removeFirst(count)
        movedAt = time
    }
}

extension Replica {
    func queue(_ message: ConsensusMessage, to: NodeID) throws(ThalwegError) {
        switch message {
        case .append(let append) where append.count > 0:
            try offer(append, to: to)
        case .append(let append):
            post(.consensus(.append(anchored(append, to: to))), to: to)
        case .install(_, let term):
            flows[to] = nil
            try beginTransfer(to: to, term: term)
        default:
            post(.consensus(message), to: to)
        }
    }

    /// Sends, or holds back while a vote is not durable (1).
    func post(_ message: PeerMessage, to: NodeID) {
        if unsavedVote == nil {
            outbox.append((to, message))
        } else {
            held.append((to, message))
        }
    }

    // MARK: Flows

    /// The core wants entries sent that follow those of the flow, or the same again: it repeats itself
    /// until it is answered, and what is under way need not go twice for that.
    private func offer(_ append: ConsensusMessage.Append, to: NodeID) throws(ThalwegError) {
        let (previous, last) = (append.previousIndex, append.previousIndex + UInt64(append.count))
        if let flow = flows[to], (flow.start...flow.queuedThrough).contains(previous),
            previous == flow.queuedThrough
                || time < flow.movedAt + options.resendMilliseconds
        {
            flows[to]?.queuedThrough = max(flow.queuedThrough, last)
            if previous < flow.queuedThrough {
                post(.consensus(.append(anchored(append, to: to))), to: to)
            }
        } else {
            flows[to] = PeerFlow(behind: previous, through: last, time: time)
        }
        try sendOn(to: to)
        // Entries are answered when they are on the disk, which may take longer than an election, and
        // the core takes them for heartbeats.
        if let flow = flows[to],
            time >= flow.beatAt + UInt64(options.consensus.heartbeatMilliseconds)
        {
            flows[to]?.beatAt = time
            post(.consensus(.append(anchored(append, to: to))), to: to)
        }
    }

    /// Without entries, behind what was sent in truth: a follower would refuse what is behind that.
    private func anchored(
        _ append: ConsensusMessage.Append, to: NodeID
    ) -> ConsensusMessage.Append {
        var heartbeat = append
        (heartbeat.count, heartbeat.entries) = (0, [])
        guard let flow = flows[to], heartbeat.previousIndex > flow.sentThrough else {
            return heartbeat
        }
        let term = core.term(at: flow.sentThrough)
        guard term > 0 else { return heartbeat }
        (heartbeat.previousIndex, heartbeat.previousTerm) = (flow.sentThrough, term)
        return heartbeat
    }

    /// A follower says what it has, or that something is missing: then the core begins anew.
    func note(_ message: ConsensusMessage, from sender: NodeID) {
        guard case .appendResult(let result) = message, core.role == .leader,
            result.term == core.term
        else { return }
        // Who was removed gets nothing more.
        guard core.membership[sender] != nil else {
            flows[sender] = nil
            return
        }
        if result.rejectedIndex == 0 {
            flows[sender]?.answered(through: result.lastIndex, time: time)
        } else if result.rejectedIndex > core.matchIndex(sender) ?? 0 {
            flows[sender] = nil
        }
    }

    /// Sends what is queued, in messages of a bounded size, while there is room on the way.
    func sendOn(to peer: NodeID) throws(ThalwegError) {
        guard var flow = flows[peer] else { return }
        while flow.sentThrough < flow.queuedThrough,
            flow.isIdle || flow.unansweredBytes < options.windowBytes
        {
            let previous = flow.sentThrough
            let term = core.term(at: previous)
            let entries = try entries(
                from: previous + 1, through: flow.queuedThrough, bytes: options.messageBytes)
            // What the log no longer has is left out: the core finds out and sends something else.
            guard !entries.isEmpty, (previous == 0) == (term == 0) else {
                flows[peer] = nil
                return
            }
            flow.sent(entries, time: time)
            let part = ConsensusMessage.Append(
                term: core.term, previousIndex: previous, previousTerm: term,
                commitIndex: core.commitIndex, count: entries.count, entries: entries)
            post(.consensus(.append(part)), to: peer)
        }
        flows[peer] = flow.isDone ? nil : flow
    }

    // MARK: The log

    /// Entries of the log from `first` on, of about `bytes`, at least one if it is there.
    func entries(
        from first: UInt64, through last: UInt64, bytes limit: Int
    ) throws(ThalwegError) -> [LogEntry] {
        guard first >= cache.firstIndex else {
            let end = min(last, cache.firstIndex - 1)
            guard end <= durableIndex else { return [] }
            do throws(ThalwegError) {
                return try log.entries(from: first, through: end, maximumBytes: limit)
            } catch  where error.code == .tooOld {
                return []
            }
        }
        var (count, bytes) = (0, 0)
        for entry in cache.entries(from: first, through: min(last, cache.lastIndex)) {
            bytes += entry.roomBytes
            if count > 0, bytes > limit { break }
            count += 1
        }
        return Array(cache.entries(from: first, through: first + UInt64(count) - 1))
    }
}
