import ThalwegEngine
import ThalwegModel
import ThalwegWire

/// A client with a session: it numbers its writes to a topic, has several batches under way, and
/// sends everything again that it has no answer for, in order, to whichever node leads. Now and then
/// it sends again what was answered: the answer must be the same.
final class SimulatedSession {
    /// A batch and what became of it.
    struct Sent {
        let number: UInt64
        var batch: SimulatedBatch
        /// On its way over the connection with this number.
        var isOnItsWay = false
        var answer: Completion?
    }

    private let id: UniqueID
    private let source: UInt16
    private let topic: String
    /// Unanswered ones, and the last that were answered and not yet said to be.
    private(set) var sent: [Sent] = []
    private var next: UInt64 = 1
    private var connection: (node: NodeID, life: Int, era: Int, number: Int)?
    private var connections = 0
    /// Called once with each answer, in order of numbers where they come in order.
    private let answered: (Sent, Completion) -> Void

    init(
        _ number: UInt64, source: UInt16, topic: String,
        answered: @escaping (Sent, Completion) -> Void
    ) {
        id = UniqueID(high: 0x5e55_1011, low: number)
        self.source = source
        self.topic = topic
        self.answered = answered
    }

    var unanswered: Int { sent.count { $0.answer == nil } }

    /// A turn: connects, sends again, and sends what `make` gives if there is room.
    func act(
        _ simulation: Simulation, _ make: () -> SimulatedBatch?
    ) throws(ThalwegError) {
        guard let (node, topic) = connect(simulation) else { return }
        for index in sent.indices where sent[index].answer == nil && !sent[index].isOnItsWay {
            simulation.report.resent += 1
            try send(index, topic, node, simulation)
        }
        if simulation.random.once(in: 6), let index = sent.firstIndex(where: { $0.answer != nil }),
            !sent[index].isOnItsWay
        {
            try send(index, topic, node, simulation)
        }
        guard unanswered < 4, !simulation.isStopping, var batch = make() else { return }
        // Some answers are kept back, to be asked for again.
        let first = sent.firstIndex { $0.answer == nil } ?? sent.count
        let kept = simulation.random.below(4)
        if first > kept { sent.removeFirst(first - kept) }
        batch.numbering = WriteNumbering(
            number: next, answered: (sent.first?.number ?? next) - 1)
        sent.append(Sent(number: next, batch: batch))
        next += UInt64(batch.count)
        try send(sent.count - 1, topic, node, simulation)
    }

    private func connect(_ simulation: Simulation) -> (SimulatedNode, TopicID)? {
        if let connection, let node = simulation.node(connection.node), node.isUp,
            node.life == connection.life, node.machine.leads, node.machine.era == connection.era,
            !simulation.random.once(in: 40), let topic = node.machine.id(of: topic)
        {
            // Whoever connects to a node that stands still only waits.
            return node.pausedUntil <= simulation.now ? (node, topic) : nil
        }
        connection = nil
        for index in sent.indices { sent[index].isOnItsWay = false }
        guard let node = simulation.chooseLeader(), let topic = node.machine.id(of: topic) else {
            return nil
        }
        connections += 1
        connection = (node.id, node.life, node.machine.era, connections)
        return (node, topic)
    }

    private func send(
        _ index: Int, _ topic: TopicID, _ node: SimulatedNode, _ simulation: Simulation
    ) throws(ThalwegError) {
        let (number, connection) = (sent[index].number, connections)
        sent[index].isOnItsWay = true
        do throws(ThalwegError) {
            try simulation.write(
                sent[index].batch, to: topic, at: node, source: source, session: id
            ) { [self, unowned simulation] answer in
                take(answer, of: number, over: connection, simulation)
            }
        } catch {
            guard error.code == .tooManyRequests else { throw error }
            // What comes behind it must not overtake it.
            self.connection = nil
        }
    }

    private func take(
        _ answer: SimulatedAnswer, of number: UInt64, over connection: Int,
        _ simulation: Simulation
    ) {
        guard let index = sent.firstIndex(where: { $0.number == number }) else { return }
        if connection == connections {
            sent[index].isOnItsWay = false
            // A connection that answers no more is of no use for what came behind.
            if answer.completion == nil { self.connection = nil }
        }
        guard let completion = answer.completion else { return }
        if let refusal = completion.refusal {
            return simulation.fail("batch \(number) of session \(id) was refused: \(refusal)")
        }
        guard let known = sent[index].answer else {
            sent[index].answer = completion
            return answered(sent[index], completion)
        }
        simulation.report.repeated += 1
        if known.lastOffset != completion.lastOffset || known.counts != completion.counts
            || known.results != completion.results
        {
            simulation.fail(
                "batch \(number) of session \(id) was answered with \(known), then \(completion)")
        }
    }
}
