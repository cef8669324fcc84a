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
        /// A node hears that a connection of another ended.
        case lost(NodeID, at: NodeID)
        case disk(NodeID, life: Int)
        case seal(NodeID, life: Int)
        case beat(NodeID, life: Int)
        case slice(NodeID, life: Int)
        case spoil
        case snapshot(NodeID, life: Int)
        case restore(NodeID, life: Int)
        case start(NodeID)
        case client(Int, workload: Int)
        /// A client has waited long enough.
        case giveUp(UInt64)
        case story
    }

    let options: SimulationOptions
    var random: SeededGeneratorBox
    /// For what `Simulation+Looks.swift` does.
    let lookRandom: SeededGeneratorBox
    var nodes: [SimulatedNode] = []
    private(set) var workloads: [any SimulatedWorkload] = []
    var waiters: [UInt64: Waiter] = [:]
    var lastToken: UInt64 = 0
    var lastMark: UInt64 = 0
    var checks = SimulationChecks()
    public internal(set) var report = SimulationReport()
    var queue = SimulationQueue<Action>()
    /// Microseconds since the beginning.
    var now: UInt64 = 0
    var isCalm = false
    /// Clients begin nothing new.
    private(set) var isStopping = false
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
        lookRandom = SeededGeneratorBox(seed: options.seed &* 0x9e37_79b9 &+ 18)
    }

    /// Runs to the end. Throws only where the simulation itself is broken.
    public func run() throws(ThalwegError) -> SimulationReport {
        try setUp()
        try runActions(until: options.milliseconds * 1_000, steps: options.steps ?? .max)
        let end = now
        try beginCalm()
        let calm = options.calmMilliseconds * 1_000
        let before = report.acknowledged
        try runActions(until: end + calm * 6 / 9) { [self] in
            report.acknowledged > before + 20 && leader(nodes) != nil
        }
        if report.acknowledged == before, workloads.contains(where: \.writes) {
            fail("no progress although everybody is well: \(nodes.map(\.description))")
        }
        isStopping = true
        try runActions(until: end + calm) { [self] () throws(ThalwegError) in try isAtRest() }
        try checkEnd()
        return report
    }

    /// Everything that clients began is done, and all members have it.
    private func isAtRest() throws(ThalwegError) -> Bool {
        guard let leader = leader(nodes), let core = leader.replica?.core else { return false }
        let last = core.lastIndex
        for member in core.membership.members {
            guard let node = node(member.id), node.isUp else {
                guard checks.damaged.contains(member.id) else { return false }
                continue
            }
            guard node.machine.appliedIndex == last else { return false }
        }
        for workload in workloads {
            guard try workload.isAtRest(leader, self) else { return false }
        }
        return waiters.isEmpty && leader.machine.unsealed.isEmpty && leader.machine.refused.isEmpty
            && leader.machine.sources.isAtRest
    }

    /// The newest leader, if its own machine knows.
    func leader(_ nodes: [SimulatedNode]) -> SimulatedNode? {
        nodes.filter { $0.isUp && $0.machine.leads }.max {
            ($0.replica?.core.term ?? 0) < ($1.replica?.core.term ?? 0)
        }
    }

    private func setUp() throws(ThalwegError) {
        precondition((1...7).contains(options.nodes), "a cluster has 1–7 voters")
        for number in 1...options.nodes {
            nodes.append(
                SimulatedNode(NodeID(UInt64(number)), seed: options.seed &* 31 &+ UInt64(number)))
        }
        founders = Membership(nodes.map { Member($0.id, address: $0.address) })
        makeWorkloads()
        for node in nodes { try start(node) }
        for (number, workload) in workloads.enumerated() {
            for client in 0..<workload.clients {
                queue.schedule(.client(client, workload: number), at: 10_000)
            }
        }
        if options.faults.contains(.loss) { lossPercent = random.below(8) }
        if options.faults.contains(.duplication) { duplicationPercent = random.below(6) }
        if options.faults.contains(.delay) { maximumDelay = UInt64(1_000 + random.below(60_000)) }
        queue.schedule(.story, at: 100_000)
        if let time = options.spoilsAtMilliseconds { queue.schedule(.spoil, at: time * 1_000) }
    }

    private func makeWorkloads() {
        var chosen = options.loads ?? []
        if options.loads == nil {
            let all = SimulationLoad.allCases
            for _ in 0..<3 { if let load = random.pick(all) { chosen.insert(load) } }
            if chosen.isSubset(of: [.readers]) { chosen.insert(.values) }
        }
        for load in SimulationLoad.allCases where chosen.contains(load) {
            let names = workloads.flatMap(\.topics).map(\.name)
            workloads.append(
                load.workload(reading: names + (chosen.contains(.clerk) ? ["desk0", "desk1"] : [])))
        }
        report.loads = SimulationLoad.allCases.filter { chosen.contains($0) }
    }

    func fail(_ what: String) {
        guard report.failures.count < 20 else { return }
        report.failures.append("seed \(options.seed), \(now / 1_000) ms: \(what)")
    }

    func node(_ id: NodeID) -> SimulatedNode? { nodes.first { $0.id == id } }

    var milliseconds: UInt64 { now / 1_000 }

    /// Until `end`, or until as many actions were performed in all, or until something is so, which
    /// is looked at every 20 ms.
    private func runActions(
        until end: UInt64, steps: Int = .max, or isDone: (() throws(ThalwegError) -> Bool)? = nil
    ) throws(ThalwegError) {
        var look = now
        while let time = queue.nextTime, time <= end, report.failures.isEmpty,
            let (time, action) = queue.next()
        {
            now = time
            try perform(action)
            report.steps += 1
            if report.steps >= steps { return }
            guard let isDone, now >= look else { continue }
            look = now + 20_000
            if try isDone() { return }
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
        case .lost(let peer, let id):
            guard let life = node(id)?.life, let node = running(id, life, action) else { return }
            try guarding(node) { (replica) throws(ThalwegError) in
                try replica.lost(peer, milliseconds)
            }
        case .disk(let id, let life):
            guard let node = running(id, life, action) else { return }
            try runJob(node)
        case .seal(let id, let life):
            guard let node = running(id, life, action) else { return }
            node.sealAt = nil
            try guarding(node) { [self] (_) throws(ThalwegError) in try seal(node) }
        case .beat(let id, let life):
            guard let node = running(id, life, action) else { return }
            node.isBeatDue = false
            try guarding(node) { [self] (_) throws(ThalwegError) in try beat(node) }
        case .slice(let id, let life):
            guard let node = running(id, life, action) else { return }
            node.isSliceDue = false
            try guarding(node) { [self] (_) throws(ThalwegError) in try slice(node) }
        case .spoil:
            try spoil()
        case .snapshot(let id, let life):
            guard let node = running(id, life, action) else { return }
            try writeSnapshot(node)
        case .restore(let id, let life):
            guard let node = running(id, life, action) else { return }
            try restore(node)
        case .start(let id):
            if let node = node(id), !node.isUp, !node.isGone { try start(node) }
        case .client(let client, let workload):
            try workloads[workload].act(client, self)
            queue.schedule(action, at: now + random.duration(2_000...20_000))
        case .giveUp(let token):
            tell(token, .unknown)
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
