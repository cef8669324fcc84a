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

    init(_ count: Int, _ change: @escaping Change = { _ in }) {
        founders = Membership(
            (1...count).map { TestCluster.member(NodeID(UInt64($0))) })
        self.change = change
    }

    static func member(_ id: NodeID) -> Member {
        Member(id, address: "node\(id)", clientAddress: "client\(id):1")
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
        let server = try await TestServer.start(directory) { [self] options in
            var cluster = ClusterOptions(
                cluster: 7, newNode: id, founders: isFounder ? founders : nil
            ) { [network] (id) throws(ThalwegError) in network.transport(of: id) }
            cluster.replica.consensus.electionMilliseconds = 800
            cluster.replica.consensus.heartbeatMilliseconds = 120
            cluster.replica.consensus.seed = UInt32(id.rawValue)
            cluster.stopMilliseconds = 500
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
        await running.withLock { $0.removeValue(forKey: id) }?.server.stop()
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
                do throws(ThalwegError) {
                    var options = ClientOptions(name: "test", source: source)
                    options.reconnect = .never
                    options.session = session
                    guard let address = try? server(id).address else { continue }
                    return (id, try await ThalwegClient.connect(to: address, options: options))
                } catch {
                    guard error.code == .notLeader || error.code == .notCommitted else {
                        throw error
                    }
                }
            }
            return nil
        }
    }

    func reader(_ id: NodeID) async throws -> ThalwegClient {
        try await server(id).connect(.readOnly)
    }

    func followers(of leader: NodeID) -> [NodeID] { nodes.filter { $0 != leader } }

    /// Waits until every node has applied the topic up to `offset` and gives their hashes there.
    func hashes(_ topic: String, at offset: Offset) async throws -> Set<UInt64> {
        var hashes: Set<UInt64> = []
        for id in nodes {
            // A node that takes over another's state ends its connections.
            let client = try await TestServer.connectLasting(try server(id).address, .readOnly)
            let hashed = try await eventually("node \(id) has applied \(offset)") {
                do throws(ThalwegError) {
                    let hashed = try await client.hashTopic(topic)
                    return hashed.offset >= offset ? hashed : nil
                } catch {
                    guard error.code == .unknownTopic else { throw error }
                    return nil
                }
            }
            #expect(hashed.offset == offset, "node \(id)")
            hashes.insert(hashed.hash)
            try await client.close()
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
    _ count: Int = 3, _ change: @escaping TestCluster.Change = { _ in },
    _ body: (TestCluster) async throws -> Void
) async throws {
    let cluster = TestCluster(count, change)
    let result: Result<Void, any Error>
    do {
        try await cluster.startFounders()
        result = .success(try await body(cluster))
    } catch {
        result = .failure(error)
    }
    await cluster.stopAll()
    cluster.removeData()
    try result.get()
}
