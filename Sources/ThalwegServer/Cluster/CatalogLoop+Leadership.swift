import NIOCore
import ThalwegEngine
import ThalwegModel

// What a change of leader means for topics and sources.
extension CatalogLoop {
    /// This node plays another part from here on, behind every entry that was committed before.
    func take(_ next: Leadership) {
        loop.assertInEventLoop()
        let was = leadership.term
        leadership = next
        guard was != next.term else { return }
        isHandingOver = false
        if was != nil { stepDown() }
        guard next.term != nil else { return }
        era += 1
        renewLiveness()
        led()
    }

    private func stepDown() {
        let requests = waiting.values.joined()
        waiting = [:]
        promised = []
        unforgotten = []
        liveness = Liveness()
        for request in requests { request(Leadership.notCommitted) }
        lost()
        tellLost()
        tellRest()
    }

    /// Begins nothing more, and calls back when nothing is on its way.
    func comeToRest(_ done: @escaping @Sendable () -> Void) {
        loop.assertInEventLoop()
        isHandingOver = leadership.term != nil
        awaitingRest.append(done)
        tellRest()
    }

    func tellRest() {
        guard waiting.isEmpty else { return }
        let resting = awaitingRest
        awaitingRest = []
        for done in resting { done() }
    }

    /// Calls back once: when this node does not lead, or has led on for so long.
    func whenLost(within patience: TimeAmount, _ done: @escaping @Sendable () -> Void) {
        loop.assertInEventLoop()
        guard leadership.term != nil else { return done() }
        awaitingLoss.append(done)
        loop.scheduleTask(in: patience) { [self] in tellLost() }
    }

    func tellLost() {
        loop.assertInEventLoop()
        let waiting = awaitingLoss
        awaitingLoss = []
        for done in waiting { done() }
    }

    /// A snapshot of another node takes the place of the state.
    func replace(with twin: Catalog) {
        loop.assertInEventLoop()
        catalog.replace(with: twin)
        noteTopics()
        systemTopicsChanged()
    }
}
