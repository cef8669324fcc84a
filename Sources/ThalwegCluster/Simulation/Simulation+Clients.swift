import ThalwegEngine
import ThalwegModel

/// What a client hears.
enum SimulatedAnswer {
    case done(Completion)
    /// The node led when it was asked, and has applied all that was committed before.
    case confirmed
    /// It may have come into force or not, or will yet: the leader fell, or is not heard.
    case unknown

    var completion: Completion? {
        if case .done(let completion) = self { completion } else { nil }
    }
}

/// Some clients of a simulated cluster: what they do, and what they check.
protocol SimulatedWorkload: AnyObject {
    /// They come to be as soon as somebody leads.
    var topics: [TopicDefinition] { get }
    var clients: Int { get }
    /// They write for as long as the run goes on.
    var writes: Bool { get }

    /// A client's turn, some milliseconds after its last one.
    func act(_ client: Int, _ simulation: Simulation) throws(ThalwegError)

    /// Nothing new is begun: whether everything that was is done.
    func isAtRest(_ leader: SimulatedNode, _ simulation: Simulation) throws(ThalwegError) -> Bool

    func checkEnd(_ leader: SimulatedNode, _ simulation: Simulation) throws(ThalwegError)
}

extension SimulatedWorkload {
    var writes: Bool { true }
}

extension Simulation {
    // MARK: Answers

    struct Waiter {
        let node: NodeID
        /// The node itself waits: neither impatience nor the network is in the way.
        let isInside: Bool
        let done: (SimulatedAnswer) -> Void
    }

    /// A name for whom to answer. The answer comes once, and `unknown` where the client has waited
    /// long enough, or the connection is gone.
    func waiter(
        at node: SimulatedNode, isInside: Bool = false,
        _ done: @escaping (SimulatedAnswer) -> Void
    ) -> UInt64 {
        lastToken += 1
        waiters[lastToken] = Waiter(node: node.id, isInside: isInside, done: done)
        if !isInside { queue.schedule(.giveUp(lastToken), at: now + 1_500_000) }
        return lastToken
    }

    func tell(_ token: UInt64, _ answer: SimulatedAnswer) {
        guard let waiter = waiters.removeValue(forKey: token) else { return }
        if case .unknown = answer { report.unknown += 1 }
        waiter.done(answer)
    }

    func tell(_ completion: Completion) {
        guard let waiter = waiters[completion.token] else { return }
        if !waiter.isInside {
            // An answer that gets lost is missed when the client's patience is over.
            if !isCalm, random.below(100) < lossPercent { return }
            report.acknowledged += 1
            report.note(4, completion.token, completion.lastOffset.rawValue)
        }
        tell(completion.token, .done(completion))
    }

    func forgetWaiters(at node: SimulatedNode) {
        let tokens = waiters.filter { $0.value.node == node.id }.keys.sorted()
        for token in tokens { tell(token, .unknown) }
    }

    // MARK: Requests

    /// The node that a client takes for the leader: mostly it is.
    func chooseLeader() -> SimulatedNode? {
        let leaders = nodes.filter(isServing)
        if random.once(in: 4) { return random.pick(leaders) }
        return leaders.max { ($0.replica?.core.term ?? 0) < ($1.replica?.core.term ?? 0) }
    }

    /// Whether a node answers who comes to write.
    func isServing(_ node: SimulatedNode) -> Bool {
        node.isUp && node.machine.leads && node.pausedUntil <= now
    }

    func isReadable(_ node: SimulatedNode) -> Bool {
        node.isUp && node.pausedUntil <= now
    }

    /// Sends a batch to a node that leads.
    ///
    /// - Throws: why it was refused.
    func write(
        _ batch: SimulatedBatch, to topic: TopicID, at node: SimulatedNode, source: UInt16,
        session: UniqueID = UniqueID(high: 0, low: 0),
        _ done: @escaping (SimulatedAnswer) -> Void
    ) throws(ThalwegError) {
        let token = waiter(at: node, done)
        do throws(ThalwegError) {
            try node.machine.merge(
                batch, topic, source: source, session: session, time: wallTime(node).microseconds,
                token: token)
        } catch {
            waiters[token] = nil
            throw error
        }
        scheduleSeal(node)
    }

    /// Answers when all that was written to a topic before is committed.
    func flush(
        _ topic: TopicID, _ node: SimulatedNode, isInside: Bool = false,
        _ done: @escaping (SimulatedAnswer) -> Void
    ) throws(ThalwegError) {
        let token = waiter(at: node, isInside: isInside, done)
        do throws(ThalwegError) {
            try node.machine.partition.barrier(topic, token: token)
        } catch {
            waiters[token] = nil
            throw error
        }
        node.machine.unsealed.insert(topic)
        scheduleSeal(node)
    }

    /// Calls back when the node is known to have everything that was committed before now.
    func readNewest(
        at node: SimulatedNode, _ done: @escaping (_ isConfirmed: Bool) -> Void
    ) throws(ThalwegError) {
        let token = waiter(at: node) { answer in
            if case .confirmed = answer { done(true) } else { done(false) }
        }
        try guarding(node) { [self] (_) throws(ThalwegError) in
            try confirmNewest(node) { [self] isConfirmed in
                tell(token, isConfirmed ? .confirmed : .unknown)
            }
        }
    }

    /// Appends an entry of the catalog, or a truncation or deployment, at a node that leads.
    func command(_ entry: [UInt8], at node: SimulatedNode) throws(ThalwegError) {
        try guarding(node) { [self] (_) throws(ThalwegError) in try append([entry], node) }
    }
}
