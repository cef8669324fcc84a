import Foundation
import Logging
import Testing
import ThalwegClient
import ThalwegLog
import ThalwegModel

@testable import ThalwegServer

/// Servers of this process that were made a cluster as people do it: over TCP, from configuration and
/// data directories.
final class RealCluster {
    /// How clients talk to it.
    var tls: TLSOptions?
    private(set) var servers: [Int: Server] = [:]
    private var directories: [Int: String] = [:]
    private var addresses: [Int: (clients: String, nodes: String)] = [:]

    static func logger() -> Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }

    /// What a new node is told; `change` says how it becomes one.
    func configuration(
        _ number: Int, _ change: (inout ServerConfiguration) -> Void = { _ in }
    ) throws -> ServerConfiguration {
        let addresses = try addresses[number] ?? (FixedPort.address(), FixedPort.address())
        self.addresses[number] = addresses
        var configuration = ServerConfiguration()
        configuration.options.listen = [addresses.clients]
        configuration.isListenGiven = true
        configuration.cluster.listen = addresses.nodes
        try Self.tune(&configuration, directory(number))
        change(&configuration)
        return configuration
    }

    func directory(_ number: Int) -> String {
        if let directory = directories[number] { return directory }
        let directory = TestServer.newDirectory()
        directories[number] = directory
        return directory
    }

    private static func tune(_ configuration: inout ServerConfiguration, _ data: String) throws {
        configuration.options.dataDirectory = data
        configuration.options.loops = 1
        configuration.options.log.segmentBytes = 1 << 20
        configuration.options.programEngine = ProgramModules.engine
        configuration.cluster.electionMilliseconds = 600
    }

    /// Starts a node; without a configuration with nothing but its data.
    func start(_ number: Int, _ configuration: ServerConfiguration? = nil) async throws {
        var given = configuration
        if given == nil {
            var bare = ServerConfiguration()
            try Self.tune(&bare, directory(number))
            given = bare
        }
        guard let given else { return }
        servers[number] = try await Server.start(given, logger: Self.logger())
    }

    func found(_ change: (inout ServerConfiguration) -> Void = { _ in }) async throws {
        try await start(
            1,
            configuration(1) {
                $0.cluster.founds = true
                change(&$0)
            })
    }

    func join(_ number: Int, _ change: (inout ServerConfiguration) -> Void = { _ in }) async throws
    {
        let through = address(1)
        try await start(
            number,
            configuration(number) {
                $0.cluster.join = [through]
                change(&$0)
            })
    }

    func address(_ number: Int) -> String { addresses[number]?.clients ?? "" }

    func stop(_ number: Int) async {
        await servers.removeValue(forKey: number)?.stop()
    }

    func client(
        _ number: Int, _ source: ClientOptions.Source = .readOnly
    ) async throws
        -> ThalwegClient
    {
        var options = ClientOptions(name: "test", source: source)
        options.reconnect = .never
        options.tls = tls
        return try await ThalwegClient.connect(to: address(number), options: options)
    }

    /// A client that writes through the node, as soon as that leads.
    func writer(_ number: Int) async throws -> ThalwegClient {
        try await eventually("the leader takes writes") {
            do {
                return try await client(number, .named("writer"))
            } catch let error as ThalwegError where error.code == .notLeader {
                return nil
            }
        }
    }

    func info(_ number: Int) async throws -> ClusterInfo {
        let client = try await client(number)
        let info = try await client.clusterStatus()
        try await client.close()
        return info
    }

    /// The number of the node that leads, when one does and the members are as `condition` says.
    func settled(_ condition: @escaping (ClusterInfo) -> Bool) async throws -> Int {
        try await eventually("the cluster is as it should be") {
            for number in servers.keys.sorted() {
                do {
                    let info = try await info(number)
                    if info.role == .leader, condition(info) { return number }
                } catch let error as ThalwegError where error.code == .connectionLost {
                    // A node that takes over another's state lets its clients come back.
                }
            }
            return nil
        }
    }

    /// Asks until no other change is under way, and whoever is to vote has caught up.
    func change(_ number: Int, _ action: ChangeMembers.Action) async throws {
        let client = try await client(number)
        _ = try await eventually("\(action)") {
            do {
                try await client.changeCluster(action)
                return true
            } catch let error as ThalwegError where error.code == .membershipBusy {
                return nil
            }
        }
        try await client.close()
    }

    func end() async {
        for number in servers.keys { await stop(number) }
        for directory in directories.values {
            try? FileManager.default.removeItem(atPath: directory)
        }
    }
}

/// Runs `body` with a cluster that is ended whatever happens.
func withRealCluster(_ body: (RealCluster) async throws -> Void) async throws {
    let cluster = RealCluster()
    let result: Result<Void, any Error>
    do {
        result = .success(try await body(cluster))
    } catch {
        result = .failure(error)
    }
    await cluster.end()
    try result.get()
}
