import ThalwegEngine
import ThalwegModel
import ThalwegWire

/// Sessions that order a program to move money between accounts. On every node, at any time, there
/// is as much money as in the beginning; in the end each account has what the accepted orders, each
/// carried out once, have left it.
final class BankWorkload: SimulatedWorkload {
    let topics = [
        TopicDefinition(
            name: "bank", keyKind: .u64, schema: nil,
            options: TopicOptions(writes: .every, tombstoneRetentionMicroseconds: 1_000_000))
    ]
    let clients = 2
    private static let accounts: UInt64 = 6
    private var sessions: [SimulatedSession] = []
    private var balances: [UInt64]
    /// Orders that have no answer, by client and first number.
    private var ordered: [[UInt64]: [Order]] = [:]
    private var next: [UInt64]
    private weak var simulation: Simulation?

    private struct Order {
        var from: UInt64
        var to: UInt64
        var amount: UInt64
    }

    init() {
        balances = Array(repeating: SimulatedBank.opening, count: Int(Self.accounts))
        next = Array(repeating: 1, count: clients)
        for client in 0..<clients {
            sessions.append(
                SimulatedSession(
                    UInt64(100 + client), source: UInt16(50 + client), topic: "bank"
                ) { [unowned self] sent, completion in
                    take(sent, completion, UInt64(client))
                })
        }
    }

    func act(_ client: Int, _ simulation: Simulation) throws(ThalwegError) {
        self.simulation = simulation
        try checkTotal(simulation)
        guard let node = simulation.chooseLeader(), let topic = node.machine.id(of: "bank") else {
            return
        }
        guard let program = try node.machine.partition.program(topic) else {
            return try deploy(topic, node, simulation)
        }
        // The same program anew: what it remembers begins anew, the accounts stay.
        if simulation.random.once(in: 200), program.figures.writes > 0 {
            try deploy(topic, node, simulation)
        }
        try sessions[client].act(simulation) { make(client, simulation.random) }
    }

    private func deploy(
        _ topic: TopicID, _ node: SimulatedNode, _ simulation: Simulation
    ) throws(ThalwegError) {
        let deployment = ProgramDeployment(
            name: "bank", loadsRecords: false, arguments: [], module: SimulatedBank.module)
        try simulation.command(
            deployment.entry(topic, time: simulation.wallTime(node)), at: node)
    }

    private func make(_ client: Int, _ random: SeededGeneratorBox) -> SimulatedBatch {
        var batch = SimulatedBatch()
        batch.wantsEach = true
        batch.isAtomic = random.once(in: 3)
        var orders: [Order] = []
        for _ in 0..<1 + random.below(3) {
            let order = Order(
                from: UInt64(random.below(Int(Self.accounts))),
                to: UInt64(random.below(Int(Self.accounts))), amount: UInt64(random.below(900)))
            orders.append(order)
            batch.assert(
                order.from, order.to.littleEndianBytes + order.amount.littleEndianBytes)
        }
        ordered[[UInt64(client), next[client]]] = orders
        next[client] += UInt64(orders.count)
        return batch
    }

    private func take(_ sent: SimulatedSession.Sent, _ completion: Completion, _ client: UInt64) {
        guard let orders = ordered.removeValue(forKey: [client, sent.number]),
            orders.count == completion.results.count
        else {
            simulation?.fail("orders were answered with \(completion.results)")
            return
        }
        for (order, outcome) in zip(orders, completion.results) {
            switch outcome.verdict {
            case .accepted:
                balances[Int(order.from)] &-= order.amount
                balances[Int(order.to)] &+= order.amount
            case .rejected where outcome.rejection?.code == 7:
                break
            default:
                simulation?.fail("an order was answered with \(outcome)")
            }
        }
        let verdicts = Set(completion.results.map(\.verdict))
        if sent.batch.isAtomic, verdicts.count > 1 {
            simulation?.fail("a batch that is all or nothing was answered with \(verdicts)")
        }
    }

    private func accounts(_ node: SimulatedNode) throws(ThalwegError) -> [UInt64] {
        var found = Array(repeating: SimulatedBank.opening, count: Int(Self.accounts))
        guard let topic = node.machine.id(of: "bank") else { return found }
        for (key, record) in try node.machine.records(topic) {
            found[Int(key)] = UInt64(firstOf: record.row)
        }
        return found
    }

    private func checkTotal(_ simulation: Simulation) throws(ThalwegError) {
        guard let node = simulation.random.pick(simulation.nodes.filter(simulation.isReadable))
        else { return }
        let found = try accounts(node)
        if found.reduce(0, &+) != SimulatedBank.opening * Self.accounts {
            simulation.fail("node \(node.id) has the accounts \(found)")
        }
    }

    func isAtRest(_ leader: SimulatedNode, _ simulation: Simulation) -> Bool {
        sessions.allSatisfy { $0.unanswered == 0 }
    }

    func checkEnd(_ leader: SimulatedNode, _ simulation: Simulation) throws(ThalwegError) {
        let found = try accounts(leader)
        if found != balances {
            simulation.fail("the accounts are \(found), and the orders make \(balances)")
        }
    }
}
