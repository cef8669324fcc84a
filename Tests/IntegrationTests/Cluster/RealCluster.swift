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
    private var ports: [Int: (clients: Int, nodes: Int)] = [:]

    static func logger() -> Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }

    /// What a new node is told; `change` says how it becomes one.
    func configuration(
        _ number: Int, _ change: (inout ServerConfiguration) -> Void = { _ in }
    ) throws -> ServerConfiguration {
        let ports = try ports[number] ?? (FreePort.next(), FreePort.next())
        self.ports[number] = ports
        var configuration = ServerConfiguration()
        configuration.options.listen = ["127.0.0.1:\(ports.clients)"]
        configuration.isListenGiven = true
        configuration.cluster.listen = "127.0.0.1:\(ports.nodes)"
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

    func address(_ number: Int) -> String { "127.0.0.1:\(ports[number]?.clients ?? 0)" }

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

/// Ports of the loopback address that nobody has when they are asked for.
enum FreePort {
    static func next() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        // Safe: both calls look at as many bytes as they are told that the address has.
        let status = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, length) == 0 ? getsockname(descriptor, $0, &length) : -1
            }
        }
        guard status == 0 else {
            throw ThalwegError(.connectionLost, "no port is free: errno \(errno)")
        }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
