// Jobs for the disk: what goes into the next one, and what follows when it is done.
import ThalwegLog
package import ThalwegModel

extension Replica {
    /// The next job for the disk; nil while one is under way or there is nothing to do.
    package func takeJob() -> DiskJob? {
        if let job {
            guard isJobDue else { return nil }
            isJobDue = false
            return job
        }
        var next = DiskJob()
        next.vote = unsavedVote
        next.truncateFrom = truncateFrom
        truncateFrom = nil
        var bytes = 0
        let count = unwritten.firstIndex {
            bytes += $0.roomBytes
            return bytes > options.groupBytes
        }
        next.entries = Array(unwritten.prefix(max(count ?? unwritten.count, 1)))
        unwritten.removeFirst(next.entries.count)
        if unwritten.isEmpty, !snapshotWork.isEmpty { next.snapshot = snapshotWork.removeFirst() }
        let hasWork =
            next.vote != nil || next.truncateFrom != nil || !next.entries.isEmpty
            || next.snapshot != nil
        if !hasWork {
            guard !isEndMarked else { return nil }
            isEndMarked = true
            next.marksEnd = true
        }
        if let last = next.entries.last {
            handedIndex = last.index
            isEndMarked = false
        }
        jobIndex = next.entries.last?.index ?? 0
        job = next
        return next
    }

    /// The job that was taken is done, or failed with an error. Throws the error if the node must
    /// stop for it.
    package func jobEnded(_ error: ThalwegError?, _ now: UInt64) throws(ThalwegError) {
        time = max(time, now)
        guard let job else { preconditionFailure("a job that ended was taken") }
        if let error {
            guard error.code == .diskFull else { throw error }
            isDiskFull = true
            fullTries += 1
            if case .piece = job.snapshot {
                // What is behind it would not fit either: the leader begins anew, later.
                self.job?.snapshot = .discard
                incoming = nil
            }
            retryAt = time + options.diskRetryMilliseconds
            try giveWayForRoom()
            refreshDeadline()
            return
        }
        isDiskFull = false
        self.job = nil
        if let vote = job.vote, vote == unsavedVote {
            unsavedVote = nil
            outbox += held
            held = []
        }
        if jobIndex > durableIndex, core.installingPoint == nil {
            durableIndex = jobIndex
            try step(.persisted(jobIndex))
        }
        switch job.snapshot {
        case .piece(let piece, let sender): try wrote(piece, from: sender)
        case .install: try installed()
        case .discard, .note, nil: break
        }
        refreshDeadline()
    }

    /// A leader whose disk is full hands over when the others commit what it has no room for: they go
    /// on without it, and it can tell nobody of that.
    func giveWayForRoom() throws(ThalwegError) {
        guard core.role == .leader, core.commitIndex > durableIndex, !core.isTransferring else {
            return
        }
        do throws(ThalwegError) {
            try step(.transfer(to: .none))
        } catch {
            // Nobody can take over now. The next message of theirs, or the disk's next try, asks again.
            let passing: Set<ErrorCode> = [.notLeader, .membershipBusy, .invalidConfiguration]
            guard passing.contains(error.code) else { throw error }
        }
    }

    private func installed() throws(ThalwegError) {
        guard let point = core.installingPoint else { preconditionFailure("one was installed") }
        incoming = nil
        handedIndex = point.index
        durableIndex = point.index
        deliveredIndex = point.index
        memberships = [(point.membershipIndex, point.membership)]
        isRestoring = true
        events.append(.restored(index: point.index))
        try step(.installed)
    }
}
