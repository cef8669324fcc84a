public import ThalwegLog
public import ThalwegModel

extension ReplicatedLog {
    // MARK: Members

    /// Adds a learner; it catches up at once. Answers when the change was appended: `membership`
    /// shows it then, and another change is refused with `membership_busy` until it is committed.
    public func add(_ member: Member, _ answer: @escaping Answer) {
        change(answer) { (members) throws(ThalwegError) in
            var learner = member
            learner.role = .learner
            return try members.adding(learner)
        }
    }

    /// Lets a learner vote. `membership_busy` while it lags too far behind.
    public func promote(_ id: NodeID, _ answer: @escaping Answer) {
        change(answer) { (members) throws(ThalwegError) in try members.changing(id, to: .voter) }
    }

    /// As `promote`, for a learner that asks for it: `invalid_configuration` where it was demoted.
    public func admit(_ id: NodeID, _ answer: @escaping Answer) {
        change(answer) { (members) throws(ThalwegError) in try members.admitting(id) }
    }

    /// Makes a voter a learner, or has a learner stay one.
    public func demote(_ id: NodeID, _ answer: @escaping Answer) {
        change(answer) { (members) throws(ThalwegError) in try members.changing(id, to: .learner) }
    }

    /// Removes a member for ever. The leader itself must hand over first.
    public func remove(_ id: NodeID, _ answer: @escaping Answer) {
        change(answer) { (members) throws(ThalwegError) in try members.removing(id) }
    }

    /// Hands leadership to a voter, or to the one who is furthest with `none`. Answers when it was
    /// begun; it may fail, and then this node leads on.
    public func transfer(to id: NodeID, _ answer: @escaping Answer) {
        let clock = clock
        ask(answer) { (replica) throws(ThalwegError) in
            try replica.change(.transfer(to: id), clock())
        }
    }

    private func change(
        _ answer: @escaping Answer,
        _ next: @escaping @Sendable (Membership) throws(ThalwegError) -> Membership
    ) {
        let clock = clock
        ask(answer) { (replica) throws(ThalwegError) in
            guard replica.leads else {
                throw ThalwegError(
                    .notLeader, "this node does not lead", advice: "ask the node that does")
            }
            try replica.change(.change(next(replica.core.membership)), clock())
        }
    }

    func ask(
        _ answer: @escaping Answer,
        _ body: @escaping @Sendable (Replica) throws(ThalwegError) -> Void
    ) {
        let refusal: ThalwegError? = inbox.change { state in
            if let failure = state.failure { return failure }
            guard !state.isStopping, state.isStarted else {
                return ThalwegError(.stopped, "the log is stopped")
            }
            state.items.append(.change(body, answer))
            return nil
        }
        if let refusal { answer(.failure(refusal)) }
    }

    // MARK: Snapshots

    /// A writer for a snapshot of the state after entry `index`, which was given to `committed`.
    /// Call it on the log's own thread, from `committed`; errors as `CommitLog` says.
    public func snapshotWriter(at index: UInt64) throws(ThalwegError) -> SnapshotWriter {
        try inbox.withLock { (state) throws(ThalwegError) in
            try Self.checkRunning(state)
            precondition(state.ownerThread?.isCurrent == true, "asked for on the log's own thread")
            guard state.snapshotThread == nil else {
                throw ThalwegError(
                    .tooManyRequests, "another snapshot is being written",
                    advice: "wait until it is finished")
            }
        }
        guard let point = replica.snapshotPoint(at: index) else {
            throw ThalwegError(
                .notYet, "there can be no snapshot of entry \(index) now",
                advice: "take it after a later entry", limit: replica.deliveredIndex, value: index)
        }
        let (writer, thread) = try log.snapshotWriter(at: index, place: SnapshotPlace(point)) {
            [weak self] failure in self?.post(.snapshotEnded(point, failure))
        }
        inbox.withLock { $0.snapshotThread = thread }
        return writer
    }
}
