import Foundation
import Synchronization
import Testing
import ThalwegClient
import ThalwegCluster
import ThalwegModel
import ThalwegServer
import ThalwegWire

/// Servers of this process that agree on one log; what they say to one another can be cut off.
final class TestCluster: Sendable {
    typealias Change = @Sendable (inout ServerOptions) -> Void

    let network = LoopbackNetwork()
    let founders: Membership
    private let change: Change
    private let running = Mutex<[NodeID: TestServer]>([:])
    private let directories = Mutex<[NodeID: String]>([:])
    private let failed = Mutex<[ThalwegError]>([])
    private let clientAddresses = Mutex<[NodeID: String]>([:])

    init(_ count: Int, _ change: @escaping Change = { _ in }) throws {
        self.change = change
        var addresses: [NodeID: String] = [:]
        for number in 1...count { addresses[NodeID(UInt64(number))] = try FixedPort.address() }
        founders = Membership(
            addresses.map { Member($0, address: "node\($0)", clientAddress: $1) })
        clientAddresses.withLock { $0 = addresses }
    }

    /// Where clients reach a node, also while it does not run.
    func address(_ id: NodeID) throws -> String {
        try clientAddresses.withLock { addresses in
            let address = try addresses[id] ?? FixedPort.address()
            addresses[id] = address
            return address
        }
    }

    /// The addresses of the founders, for a client that finds its way.
    var addresses: String { founders.members.map(\.clientAddress).joined(separator: ",") }

    /// A node that is to join.
    func member(_ id: NodeID) throws -> Member {
        Member(id, address: "node\(id)", clientAddress: try address(id))
    }

    // MARK: Nodes

    /// Starts a node, on the data that it had when it ran before.
    @discardableResult
    func start(_ id: NodeID, isFounder: Bool = true) async throws -> TestServer {
        let directory = directories.withLock { directories in
            let directory = directories[id] ?? TestServer.newDirectory()
            directories[id] = directory
            return directory
        }
        let address = try address(id)
        let server = try await TestServer.start(directory) { [self] options in
            options.listen = [address]
            var cluster = ClusterOptions(
                cluster: 7, newNode: id, founders: isFounder ? founders : nil
            ) { [network] (id) throws(ThalwegError) in network.transport(of: id) }
            cluster.replica.consensus.electionMilliseconds = 800
            cluster.replica.consensus.heartbeatMilliseconds = 120
            cluster.replica.consensus.seed = UInt32(id.rawValue)
            cluster.stopMilliseconds = 500
            // Whatever a test is about: nodes have the same state.
            cluster.checkMilliseconds = 50
            options.cluster = cluster
            change(&options)
        }
        running.withLock { $0[id] = server }
        return server
    }

    func startFounders() async throws {
        for member in founders.members { try await start(member.id) }
    }

    func stop(_ id: NodeID) async {
        guard let server = running.withLock({ $0.removeValue(forKey: id) }) else { return }
        await server.server.stop()
        if let failure = server.server.failed { failed.withLock { $0.append(failure) } }
    }

    /// Why nodes would have ended before they were stopped; a test that expects one takes it out.
    var failures: [ThalwegError] {
        get { failed.withLock { $0 } }
        set { failed.withLock { $0 = newValue } }
    }

    func stopAll() async {
        await withTaskGroup { tasks in
            for id in nodes { tasks.addTask { await self.stop(id) } }
        }
    }

    func removeData() {
        for directory in directories.withLock({ $0.values }) {
            try? FileManager.default.removeItem(atPath: directory)
        }
    }

    var nodes: [NodeID] { running.withLock { $0.keys.sorted() } }

    func server(_ id: NodeID) throws -> TestServer {
        try #require(running.withLock { $0[id] }, "node \(id) runs")
    }

    func log(_ id: NodeID) throws -> ReplicatedLog {
        try #require(try server(id).server.replicatedLog)
    }

    /// Asks for a change of the members until the answer is yes: one is refused while another is
    /// under way, or a member has not caught up.
    func change(
        _ leader: NodeID, _ ask: (ReplicatedLog, @escaping ReplicatedLog.Answer) -> Void
    ) async throws {
        let log = try log(leader)
        _ = try await eventually("a change of the members") {
            let answer = await withCheckedContinuation { continuation in
                ask(log) { continuation.resume(returning: $0) }
            }
            switch answer {
            case .success: return true
            case .failure(let error):
                guard error.code == .membershipBusy else { throw error }
                return nil
            }
        }
    }

    // MARK: Clients

    /// A client that may write, and the node that lets it.
    func writer(
        _ source: ClientOptions.Source = .named("writer"), besides other: NodeID? = nil,
        session: UniqueID = UniqueID(high: 0, low: 0)
    ) async throws -> (leader: NodeID, client: ThalwegClient) {
        try await eventually("a leader") { [self] in
            for id in nodes where id != other {
                guard await leads(id) else { continue }
                var held: ThalwegClient?
                do throws(ThalwegError) {
                    var options = ClientOptions(name: "test", source: source)
                    options.reconnect = .never
                    options.session = session
                    guard let address = try? server(id).address else { continue }
                    let client = try await ThalwegClient.connect(to: address, options: options)
                    held = client
                    // The node may lead no longer and have sent the client on.
                    if try await client.status()["node"] == id.rawValue { return (id, client) }
                    try await client.close()
                } catch {
                    // It would hold its source for as long as it is connected.
                    try? await held?.close()
                    guard Self.passing.contains(error.code) else { throw error }
                }
            }
            return nil
        }
    }

    /// What is answered while a leader comes or goes, and to who was let in and then sent away, until
    /// that connection's end was heard of.
    private static let passing: Set<ErrorCode> = [
        .notLeader, .notCommitted, .connectionLost, .sourceClaimed,
    ]

    /// Whether the node takes writes, as far as it knows.
    func leads(_ id: NodeID) async -> Bool {
        guard let reader = try? await reader(id) else { return false }
        let leads = try? await reader.status()["leads"]
        try? await reader.close()
        return leads == 1
    }

    /// The node that leads, which is not `other`.
    func leader(besides other: NodeID? = nil) async throws -> NodeID {
        try await eventually("a leader") { [self] in
            for id in nodes where id != other {
                if await leads(id) { return id }
            }
            return nil
        }
    }

    /// A client of the whole cluster that comes back by itself.
    func client(
        _ source: ClientOptions.Source = .any, session: UniqueID = UniqueID(high: 0, low: 0)
    ) async throws -> ThalwegClient {
        try await eventually("somebody lets the client in") { [self] in
            do throws(ThalwegError) {
                return try await TestServer.connectLasting(addresses, source, session: session)
            } catch {
                guard Self.passing.contains(error.code) else { throw error }
                return nil
            }
        }
    }

    func reader(_ id: NodeID) async throws -> ThalwegClient {
        try await server(id).connect(.readOnly)
    }

    /// What a node says, or nil where it has no such topic yet, or ended the connection, as a node
    /// does that takes over another's state.
    func asking<Value: Sendable>(
        _ id: NodeID, _ body: (ThalwegClient) async throws -> Value
    ) async throws -> Value? {
        do {
            let client = try await reader(id)
            let value = try await body(client)
            try? await client.close()
            return value
        } catch let error as ThalwegError {
            guard [.unknownTopic, .notYet, .connectionLost].contains(error.code) else {
                throw error
            }
            return nil
        }
    }

    /// The sample topic with one record, which every node has.
    func sample(
        _ name: String = "p"
    ) async throws -> (writer: ThalwegClient, topic: Topic, last: Offset) {
        let writer = try await client(.named("writer"))
        let topic = try await writer.topic(try Sample.definition())
        let last = try await writer.put(topic, .u64(1), row: try Sample.row(topic, name)).offset
        #expect(try await hashes(topic.name, at: last).count == 1)
        return (writer, topic, last)
    }

    func followers(of leader: NodeID) -> [NodeID] { nodes.filter { $0 != leader } }

    /// Waits until every node has applied the topic up to `offset` and gives their hashes there.
    func hashes(_ topic: String, at offset: Offset) async throws -> Set<UInt64> {
        var hashes: Set<UInt64> = []
        for id in nodes {
            let hashed = try await eventually("node \(id) has applied \(offset)") {
                let hashed = try await asking(id) { try await $0.hashTopic(topic) }
                return hashed.flatMap { $0.offset >= offset ? $0 : nil }
            }
            #expect(hashed.offset == offset, "node \(id)")
            hashes.insert(hashed.hash)
        }
        return hashes
    }
}

/// Asks until there is a result; a minute is for ever.
func eventually<Value: Sendable>(
    _ what: Comment, _ condition: () async throws -> Value?
) async throws -> Value {
    let clock = ContinuousClock()
    let end = clock.now + .seconds(60)
    while clock.now < end {
        if let value = try await condition() { return value }
        // Nobody tells when it is worth to look again.
        try await Task.sleep(for: .milliseconds(3))
    }
    return try #require(try await condition(), what)
}

/// Runs `body` with servers that agree, which are stopped and their data removed whatever happens.
func withCluster(
    _ count: Int = 3, starting first: Int = .max,
    _ change: @escaping TestCluster.Change = { _ in },
    _ body: (TestCluster) async throws -> Void
) async throws {
    let cluster = try TestCluster(count, change)
    let result: Result<Void, any Error>
    do {
        for member in cluster.founders.members.prefix(first) {
            try await cluster.start(member.id)
        }
        result = .success(try await body(cluster))
    } catch {
        result = .failure(error)
    }
    await cluster.stopAll()
    cluster.removeData()
    #expect(cluster.failures.map(\.code) == [])
    try result.get()
}
