import Logging
import NIOCore
import Synchronization
import ThalwegCluster
import ThalwegLog
import ThalwegModel
import ThalwegWire

// What is asked of a node about its cluster. Answers come on any thread.
extension Node {
    typealias Done = @Sendable (Result<Void, ThalwegError>) -> Void

    /// How often a change is looked at until it is what it should be.
    private static let lookAgain = TimeAmount.milliseconds(5)

    var replicatedLog: ReplicatedLog? { log as? ReplicatedLog }

    func clusterInfo(_ answer: @escaping @Sendable (Result<ClusterInfo, ThalwegError>) -> Void) {
        guard let replicatedLog, let cluster = options.cluster?.cluster else {
            let statistics = log.statistics
            return answer(
                .success(
                    .alone(
                        committedIndex: statistics.durableIndex,
                        appliedIndex: statistics.durableIndex, lastIndex: statistics.lastIndex)))
        }
        replicatedLog.standing { result in
            answer(result.map { ClusterInfo($0, cluster: cluster, node: replicatedLog.id) })
        }
    }

    func change(
        _ action: ChangeMembers.Action, on loop: any EventLoop, _ done: @escaping Done
    ) {
        guard let replicatedLog else {
            return done(
                .failure(
                    ThalwegError(
                        .notSupported, "this node is no member of a cluster",
                        advice: "ask a node that is; see docs/cluster.md")))
        }
        logger.notice("asked to change the cluster", metadata: ["action": "\(action)"])
        let pointed: Done = { [self] result in done(result.mapError { point($0) }) }
        let appended: Done = { [self] result in
            guard case .success = result else { return pointed(result) }
            awaitCommit(replicatedLog, on: loop, pointed)
        }
        switch action {
        case .add(let node, let address, let clientAddress):
            replicatedLog.add(
                Member(NodeID(node), address: address, clientAddress: clientAddress), appended)
        case .promote(let node): replicatedLog.promote(NodeID(node), appended)
        case .admit(let node): replicatedLog.admit(NodeID(node), appended)
        case .demote(let node): replicatedLog.demote(NodeID(node), appended)
        case .remove(let node): replicatedLog.remove(NodeID(node), appended)
        case .transfer(let node):
            let heir = node.map { NodeID($0) } ?? .none
            Task { pointed(await transfer(to: heir, replicatedLog, on: loop)) }
        case .snapshot: takeSnapshot(replicatedLog, on: loop, done)
        }
    }

    /// Says who leads where the log only says that this node does not.
    private func point(_ error: ThalwegError) -> ThalwegError {
        guard error.code == .notLeader, error.address == nil else { return error }
        return refusal ?? error
    }

    // MARK: Waiting until it is done

    private func awaitCommit(
        _ log: ReplicatedLog, on loop: any EventLoop, _ done: @escaping Done
    ) {
        watch(log, on: loop, done) { standing throws(ThalwegError) in
            guard standing.role == .leader else { throw Leadership.notCommitted }
            return !standing.isMembershipPending
        }
    }

    func awaitTransfer(
        _ log: ReplicatedLog, on loop: any EventLoop, _ done: @escaping Done
    ) {
        watch(log, on: loop, done) { standing throws(ThalwegError) in
            guard standing.role == .leader else { return true }
            guard standing.isTransferring else {
                throw ThalwegError(
                    .timedOut, "leadership was not taken over in time, this node leads on",
                    advice: "look whether the other node runs and has caught up, and try again")
            }
            return false
        }
    }

    /// Asks where the node stands until `isDone` is true or throws. A leader that loses its majority
    /// ceases to lead, so this ends.
    private func watch(
        _ log: ReplicatedLog, on loop: any EventLoop, _ done: @escaping Done,
        until isDone: @escaping @Sendable (ReplicaStanding) throws(ThalwegError) -> Bool
    ) {
        log.standing { [self] result in
            do throws(ThalwegError) {
                if try isDone(result.get()) { return done(.success(())) }
            } catch {
                return done(.failure(error))
            }
            loop.scheduleTask(in: Self.lookAgain) { [self] in
                watch(log, on: loop, done, until: isDone)
            }
        }
    }

    // MARK: A snapshot

    private func takeSnapshot(
        _ log: ReplicatedLog, on loop: any EventLoop, _ done: @escaping Done
    ) {
        let begun: Done = { [self] result in
            switch result {
            case .success: awaitSnapshot(log, on: loop, done)
            case .failure(let error) where error.code == .notYet:
                loop.scheduleTask(in: Self.lookAgain) { [self] in takeSnapshot(log, on: loop, done)
                }
            case .failure(let error): done(.failure(error))
            }
        }
        log.atDelivered(begun) { [self] index in snapshotNow(at: index) }
    }

    private func awaitSnapshot(
        _ log: ReplicatedLog, on loop: any EventLoop, _ done: @escaping Done
    ) {
        let (isRunning, failure) = snapshots.withLock { ($0.isRunning, $0.failure) }
        guard isRunning else {
            // The place was none after all: there is one behind a later entry.
            if failure?.code == .notYet {
                loop.scheduleTask(in: Self.lookAgain) { [self] in takeSnapshot(log, on: loop, done)
                }
                return
            }
            return done(failure.map { .failure($0) } ?? .success(()))
        }
        loop.scheduleTask(in: Self.lookAgain) { [self] in awaitSnapshot(log, on: loop, done) }
    }
}

extension ClusterInfo {
    init(_ standing: ReplicaStanding, cluster: UInt64, node: NodeID) {
        let isVoter = standing.membership[node]?.role == .voter
        let role: ClusterRole =
            switch standing.role {
            case .leader: .leader
            case .candidate: .candidate
            case .follower: isVoter ? .follower : .learner
            }
        self.init(
            cluster: cluster, node: node.rawValue, role: role, term: standing.term,
            leader: standing.leader.rawValue, committedIndex: standing.commitIndex,
            appliedIndex: standing.deliveredIndex, lastIndex: standing.lastIndex,
            members: standing.membership.members.map { member in
                Member(
                    node: member.id.rawValue, isVoter: member.role == .voter,
                    address: member.address, clientAddress: member.clientAddress,
                    matchIndex: standing.matchIndices[member.id])
            })
    }
}
