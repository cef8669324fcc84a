import NIOCore
import Synchronization
import ThalwegCluster
import ThalwegModel

/// Whether leadership is being handed over, and why.
struct HandOvers {
    var isUnderWay = false
    /// The node ends: nothing is taken up again.
    var isStopping = false
}

// Leadership is moved although nobody failed. Clients must not notice: what was merged is made
// durable and answered first, and what comes meanwhile is refused before anything is done with it,
// so that it goes to whoever leads next.
extension Node {
    /// Lets `heir` lead, or with `none` the voter that is furthest. Where that comes to nothing this
    /// node leads on and takes writes again.
    func transfer(
        to heir: NodeID, _ log: ReplicatedLog, on loop: any EventLoop
    ) async -> Result<Void, ThalwegError> {
        // What cannot be is refused before anybody is disturbed.
        guard let term = leadership.withLock({ $0.term }), mayLead(heir, log) else {
            return await begin(heir, log, on: loop)
        }
        let isFirst = handOvers.withLock { state in
            guard !state.isUnderWay, !state.isStopping else { return false }
            state.isUnderWay = true
            return true
        }
        guard isFirst else {
            return .failure(
                ThalwegError(
                    .membershipBusy, "leadership is being handed over already",
                    advice: "look who leads, and try again"))
        }
        await comeToRest()
        let result = await begin(heir, log, on: loop)
        takeUp(term)
        return result
    }

    private func mayLead(_ heir: NodeID, _ log: ReplicatedLog) -> Bool {
        let others = log.membership.voters.filter { $0 != log.id }
        return heir == .none ? !others.isEmpty : others.contains(heir)
    }

    private func begin(
        _ heir: NodeID, _ log: ReplicatedLog, on loop: any EventLoop
    ) async -> Result<Void, ThalwegError> {
        await withCheckedContinuation { continuation in
            log.transfer(to: heir) { [self] result in
                guard case .success = result else {
                    return continuation.resume(returning: result)
                }
                awaitTransfer(log, on: loop) { continuation.resume(returning: $0) }
            }
        }
    }

    /// Goes on where this node still leads in `term`.
    private func takeUp(_ term: UInt64) {
        let isStopping = handOvers.withLock { state in
            state.isUnderWay = false
            return state.isStopping
        }
        guard !isStopping else { return }
        for partition in loops {
            partition.loop.execute {
                partition.subscriptions.heedBlocking()
                if partition.leadership.term == term { partition.isHandingOver = false }
            }
        }
        catalog.loop.execute { [catalog] in
            if catalog.leadership.term == term { catalog.isHandingOver = false }
        }
    }
}
