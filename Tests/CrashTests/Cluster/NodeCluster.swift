import Foundation
import Testing
import ThalwegClient
import ThalwegModel
import ThalwegWire

/// A cluster of real processes on loopback, which can be killed, stopped for a while, cut off from one
/// another, and started on other flags. Nodes are numbered from 0.
final class NodeCluster {
    struct Shape: Sendable {
        var nodes = 3
        /// Of all nodes; the server's default is 500 ms.
        var electionMilliseconds = 500
        /// Nodes talk through a proxy.
        var isCuttable = false
        /// Further flags of every node.
        var arguments: [String] = []
        /// What runs a node's command in place of it, by number.
        var wrapper: @Sendable (_ number: Int, _ data: String) -> [String] = { _, _ in [] }
    }

    let shape: Shape
    /// Where clients reach the nodes.
    let addresses: [String]
    let proxy: PeerProxy?
    private let listeners: [String]
    private let scratch: URL
    private var processes: [Int: ServerProcess] = [:]
    private var paused: Set<Int> = []

    init(_ shape: Shape = Shape()) throws {
        self.shape = shape
        scratch = FileManager.default.temporaryDirectory
            .appendingPathComponent("thalweg-nodes-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
        let free = try LoopbackSocket.freeAddresses(2 * shape.nodes)
        addresses = Array(free[..<shape.nodes])
        listeners = Array(free[shape.nodes...])
        proxy = shape.isCuttable ? try PeerProxy(listeners) : nil
    }

    /// Starts the nodes, which become one cluster, and runs `body` with them.
    static func run(
        _ shape: Shape = Shape(), _ body: (NodeCluster) async throws -> Void
    ) async throws {
        let cluster = try NodeCluster(shape)
        defer { cluster.end() }
        for number in cluster.numbers {
            try cluster.start(
                number, number == 0 ? ["--cluster-init"] : ["--join", cluster.addresses[0]])
        }
        try await cluster.awaitWhole()
        try await body(cluster)
    }

    private func end() {
        proxy?.heal()
        for number in paused { signal(number, SIGCONT) }
        for process in processes.values { process.crash() }
        proxy?.stop()
        // A folder that cannot be removed is left to the system's cleaning of temporary files.
        try? FileManager.default.removeItem(at: scratch)
    }

    var numbers: Range<Int> { 0..<shape.nodes }
    /// Of all nodes, for a client that finds the one that leads.
    var address: String { addresses.joined(separator: ",") }

    func data(_ number: Int) -> String {
        scratch.appendingPathComponent("node\(number)").path
    }

    // MARK: Processes

    /// Starts a node and waits until it listens. Its flags are the same each time, as those of a
    /// service are.
    func start(_ number: Int, _ arguments: [String] = []) throws {
        var flags = [
            "--cluster-listen", listeners[number],
            "--election-timeout", "\(shape.electionMilliseconds)ms",
            "--heartbeat", "\(max(1, shape.electionMilliseconds / 5))ms",
        ]
        if let proxy { flags += ["--cluster-advertise", proxy.addresses[number]] }
        processes[number] = try ServerProcess(
            data: data(number), listen: addresses[number],
            arguments: flags + shape.arguments + arguments,
            wrapper: shape.wrapper(number, data(number)))
    }

    /// kill -9.
    func crash(_ number: Int) {
        processes.removeValue(forKey: number)?.crash()
    }

    /// Ends a node in good order.
    func stop(_ number: Int) {
        let process = processes.removeValue(forKey: number)
        #expect(process?.stop() == 0, "\(process?.said ?? "no process")")
    }

    /// The process stands still until it is resumed, and knows nothing of it.
    func pause(_ number: Int) {
        signal(number, SIGSTOP)
        paused.insert(number)
    }

    func resume(_ number: Int) {
        signal(number, SIGCONT)
        paused.remove(number)
    }

    private func signal(_ number: Int, _ signal: Int32) {
        guard let process = processes[number] else { return }
        kill(process.processID, signal)
    }

    func processID(_ number: Int) throws -> Int32 {
        try #require(processes[number]).processID
    }

    /// What a running node wrote to its standard error.
    func said(_ number: Int) throws -> String { try #require(processes[number]).said }

    // MARK: Looking

    /// What a node says of its cluster; nil where it does not answer.
    func info(_ number: Int) async -> ClusterInfo? {
        guard processes[number] != nil, !paused.contains(number) else { return nil }
        var options = ClientOptions(name: "looker", source: .readOnly)
        options.reconnect = .never
        options.connectTimeout = .seconds(2)
        options.requestTimeout = .seconds(2)
        do throws(ThalwegError) {
            let client = try await ThalwegClient.connect(to: addresses[number], options: options)
            let info = try await client.clusterStatus()
            try await client.close()
            return info
        } catch {
            return nil
        }
    }

    /// The node that says of itself that it leads, in the latest term.
    func leader(besides others: Set<Int> = []) async throws -> Int {
        try await eventually("one of the nodes leads") {
            var leader: (number: Int, term: UInt64)?
            for number in self.numbers where !others.contains(number) {
                guard let info = await self.info(number), info.role == .leader,
                    info.term > leader?.term ?? 0
                else { continue }
                leader = (number, info.term)
            }
            return leader?.number
        }
    }

    /// Waits until every node votes and has nearly everything. Gives what the leader says then.
    @discardableResult
    func awaitWhole() async throws -> ClusterInfo {
        try await eventually("every node votes and has nearly everything") {
            let leader = try await self.leader()
            guard let info = await self.info(leader), info.members.count == self.shape.nodes
            else { return nil }
            let isWhole = info.members.allSatisfy { member in
                member.isVoter && (member.matchIndex ?? 0) + 200 >= info.committedIndex
            }
            return isWhole ? info : nil
        }
    }
}

/// Looks until there is something, for up to a minute.
func eventually<Value: Sendable>(
    _ what: Comment, _ condition: () async throws -> Value?
) async throws -> Value {
    let clock = ContinuousClock()
    let end = clock.now + .seconds(60)
    while clock.now < end {
        if let value = try await condition() { return value }
        // Nobody tells when it is worth to look again.
        try await Task.sleep(for: .milliseconds(10))
    }
    return try #require(try await condition(), what)
}
