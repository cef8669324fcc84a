import NIOCore
import ThalwegEngine
import ThalwegModel

// What a change of leader means for a partition.
extension PartitionLoop {
    /// Throws `not_leader` where writes belong elsewhere.
    func checkLeads() throws(ThalwegError) {
        if let refusal = partRefusal { throw refusal }
    }

    /// This node plays another part from here on: behind every entry that was committed before, and
    /// before any that a later leader commits.
    func take(_ next: Leadership) {
        loop.assertInEventLoop()
        let was = leadership.term
        play(next)
        guard was != next.term else { return }
        if was != nil { stepDown() }
        latency.restart()
    }

    /// What is not known to be committed is let go, and who waits for it is told so. It may come
    /// back as another leader's entry; then it is applied by key, as on every follower.
    private func stepDown() {
        refused = []
        urgent = TopicSet()
        // They are about to be told to go.
        unheard.removeAll()
        for topic in Set(held.keys).union(heldInFlight.keys) { releaseAllHeld(topic) }
        retractions.stop()
        // Everybody who waits does so for something of this partition.
        _ = partition.stepDown()
        let (answers, cuts, changes) = (waiters.takeAll(), truncations, programChanges)
        (truncations, programChanges) = ([:], [:])
        for waiter in answers {
            switch waiter {
            case .batch(let connection, let requestID):
                connection.refuse(Leadership.notCommitted, requestID)
            case .barrier(let done):
                done(Leadership.notCommitted)
            }
        }
        for done in cuts.values.joined() { done(Leadership.notCommitted) }
        for done in changes.values.joined() { done(Leadership.notCommitted) }
        for done in marks.removeAll() { done(Leadership.notCommitted) }
        checks = StateChecks()
    }

    /// A snapshot of another node takes the place of the state. Subscribers are let go without a
    /// word: their connections are about to be closed, and they resume at their offsets.
    func replace(with twin: Partition) {
        loop.assertInEventLoop()
        snapshot = nil
        subscriptions.forgetAll()
        stateNumber += 1
        partition.replace(with: twin)
        hashAnew()
        offsetWaiters.lookAgain()
    }
}
