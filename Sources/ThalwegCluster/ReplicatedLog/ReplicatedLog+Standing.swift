import Synchronization
public import ThalwegModel

/// Where a node stands in its cluster, all at one moment.
public struct ReplicaStanding: Sendable, Hashable {
    public var role: ConsensusRole
    public var term: UInt64
    /// As far as known.
    public var leader: NodeID
    public var commitIndex: UInt64
    /// Given out to the receiver, or about to be.
    public var deliveredIndex: UInt64
    public var lastIndex: UInt64
    /// The members in force, committed or not.
    public var membership: Membership
    /// A change of the members is not committed yet.
    public var isMembershipPending: Bool
    /// Leadership is being handed over.
    public var isTransferring: Bool
    /// On a leader: up to where each member has the log on its disk, as far as known.
    public var matchIndices: [NodeID: UInt64]
    /// Milliseconds since each other member was heard, where it ever was.
    public var silences: [NodeID: UInt64]
}

extension ReplicatedLog {
    /// Tells where this node stands, on the log's own thread. Throws `stopped`, or why the log
    /// failed.
    public func standing(
        _ answer: @escaping @Sendable (Result<ReplicaStanding, ThalwegError>) -> Void
    ) {
        let box = StandingBox()
        ask({ result in
            switch result {
            case .failure(let error): answer(.failure(error))
            case .success:
                guard let standing = box.standing.withLock({ $0 }) else {
                    preconditionFailure("it was noted before the answer")
                }
                answer(.success(standing))
            }
        }) { [clock] (replica) throws(ThalwegError) in
            let now = clock()
            box.standing.withLock { $0 = ReplicaStanding(replica, time: now) }
        }
    }

    private final class StandingBox: Sendable {
        let standing = Mutex<ReplicaStanding?>(nil)
    }

    /// Calls `body` with the index of the entry that was given out last, on the log's own thread
    /// and behind everything that was given out with it: a place for a snapshot.
    ///
    /// Answers `not_yet`, without having called it, while more is about to be given out.
    public func atDelivered(
        _ answer: @escaping Answer, body: @escaping @Sendable (_ index: UInt64) -> Void
    ) {
        ask(answer) { (replica) throws(ThalwegError) in
            guard replica.events.isEmpty, !replica.isRestoring else {
                throw ThalwegError(
                    .notYet, "entries are about to be given out", advice: "ask again")
            }
            body(replica.deliveredIndex)
        }
    }
}

extension ReplicaStanding {
    init(_ replica: Replica, time: UInt64) {
        let core = replica.core
        role = core.role
        term = core.term
        leader = core.role == .leader ? core.id : core.leader
        commitIndex = core.commitIndex
        deliveredIndex = replica.deliveredIndex
        lastIndex = core.lastIndex
        membership = core.membership
        isMembershipPending = core.isMembershipPending
        isTransferring = core.isTransferring
        silences = replica.heardAt.mapValues { time - min($0, time) }
        matchIndices = [:]
        guard core.role == .leader else { return }
        for member in core.membership.members {
            matchIndices[member.id] =
                member.id == core.id ? replica.durableIndex : core.matchIndex(member.id)
        }
    }
}
