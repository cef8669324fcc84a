// A cluster in one process, in virtual time: the real engine, the real consensus code, the real log
// over disks in memory, a network that is a list. Nothing in it but the seed decides what happens:
// a run is replayed by its seed.
//
// Everything that happens is an action with a time in microseconds. After an action of a node its
// replica's outputs are taken: a job for its disk becomes an action, messages become actions of
// their receivers, events go to its state machine at once.
public import ThalwegModel

public final class Simulation {
    enum Action {
        case wake(NodeID, life: Int)
        case message(PeerMessage, from: NodeID, to: NodeID)
        case disk(NodeID, life: Int)
        case seal(NodeID, life: Int)
        case snapshot(NodeID, life: Int)
        case start(NodeID)
        case client(Int)
        case story
    }

    let options: SimulationOptions
    var random: SeededGeneratorBox
    var nodes: [SimulatedNode] = []
    var clients: [SimulatedClient] = []
    var checks = SimulationChecks()
    public internal(set) var report = SimulationReport()
    var queue = SimulationQueue<Action>()
    /// Microseconds since the beginning.
    var now: UInt64 = 0
    var isCalm = false
    var stopClients = false
    /// Pairs of nodes the first of whom the second does not hear.
    var cuts: Set<[NodeID]> = []
    var founders = Membership()
    var nextID: UInt64 = 100
    var lossPercent = 0
    var duplicationPercent = 0
    var maximumDelay: UInt64 = 2_000

    public init(_ options: SimulationOptions) {
        self.options = options
        random = SeededGeneratorBox(seed: options.seed &* 0x9e37_79b9 &+ 17)
    }

    /// Runs to the end. Throws only where the simulation itself is broken.
    public func run() throws(ThalwegError) -> SimulationReport {
        try setUp()
        let end = options.milliseconds * 1_000
        try runActions(until: end)
        try beginCalm()
        let calm = options.calmMilliseconds * 1_000
        try runActions(until: end + calm * 4 / 9)
        let before = report.acknowledged
        try runActions(until: end + calm * 6 / 9)
        if report.acknowledged == before {
            fail("no progress although everybody is well: \(nodes.map(\.description))")
        }
        stopClients = true
        try runActions(until: end + calm)
        try checkEnd()
        return report
    }

    private func setUp() throws(ThalwegError) {
        precondition((1...7).contains(options.nodes), "a cluster has 1–7 voters")
        for number in 1...options.nodes {
            nodes.append(
                SimulatedNode(NodeID(UInt64(number)), seed: options.seed &* 31 &+ UInt64(number)))
        }
        founders = Membership(nodes.map { Member($0.id, address: $0.address) })
        for node in nodes { try start(node) }
        clients = (0..<options.clients).map { SimulatedClient(number: UInt64($0 + 1)) }
        for number in clients.indices { queue.schedule(.client(number), at: 10_000) }
        if options.faults.contains(.loss) { lossPercent = random.below(8) }
        if options.faults.contains(.duplication) { duplicationPercent = random.below(6) }
        if options.faults.contains(.delay) { maximumDelay = UInt64(1_000 + random.below(60_000)) }
        queue.schedule(.story, at: 100_000)
    }

    func fail(_ what: String) {
        guard report.failures.count < 20 else { return }
        report.failures.append("seed \(options.seed), \(now / 1_000) ms: \(what)")
    }

    func node(_ id: NodeID) -> SimulatedNode? { nodes.first { $0.id == id } }

    var milliseconds: UInt64 { now / 1_000 }

    private func runActions(until end: UInt64) throws(ThalwegError) {
        while let time = queue.nextTime, time <= end, report.failures.isEmpty,
            let (time, action) = queue.next()
        {
            now = time
            try perform(action)
        }
        now = end
    }

    private func perform(_ action: Action) throws(ThalwegError) {
        switch action {
        case .wake(let id, let life):
            guard let node = running(id, life, action) else { return }
            node.wakeAt = .max
            try guarding(node) { (replica) throws(ThalwegError) in try replica.tick(milliseconds) }
        case .message(let message, let sender, let id):
            guard !cuts.contains([sender, id]), let life = node(id)?.life,
                let node = running(id, life, action)
            else { return }
            report.messages += 1
            try guarding(node) { (replica) throws(ThalwegError) in
                try replica.receive(message, from: sender, milliseconds)
            }
        case .disk(let id, let life):
            guard let node = running(id, life, action) else { return }
            try runJob(node)
        case .seal(let id, let life):
            guard let node = running(id, life, action) else { return }
            node.sealAt = nil
            try seal(node)
        case .snapshot(let id, let life):
            guard let node = running(id, life, action) else { return }
            try writeSnapshot(node)
        case .start(let id):
            if let node = node(id), !node.isUp, !node.isGone { try start(node) }
        case .client(let number):
            try act(client: number)
        case .story:
            try mishap()
        }
    }

    /// The node, if it still is in that life and awake; what comes to a paused one waits.
    private func running(_ id: NodeID, _ life: Int, _ action: Action) -> SimulatedNode? {
        guard let node = node(id), node.isUp, node.life == life else { return nil }
        guard node.pausedUntil <= now else {
            queue.schedule(action, at: node.pausedUntil + 1)
            return nil
        }
        return node
    }

    /// Gives a replica something and takes what comes out. A node that must stop, stops.
    func guarding(
        _ node: SimulatedNode, _ body: (Replica) throws(ThalwegError) -> Void
    ) throws(ThalwegError) {
        guard let replica = node.replica else { return }
        do throws(ThalwegError) {
            try body(replica)
            try settle(node)
        } catch {
            try stopped(node, error)
        }
    }
}
