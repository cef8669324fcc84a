// The server: a node behind its listeners, from start to graceful end.
public import Logging
import NIOCore
import NIOPosix
public import ServiceLifecycle
import Synchronization
public import ThalwegCluster
import ThalwegEngine
import ThalwegLog
public import ThalwegModel
import ThalwegTLS
import ThalwegWire

#if canImport(Glibc)
import Glibc
#endif

/// A running server.
///
///     let server = try await Server.start(options, logger: logger)
///     print(server.addresses)
///     await server.stop()
public final class Server: Sendable {
    /// Where it listens, with the ports that were chosen.
    public let addresses: [String]
    /// Where it listens to clients of the Redis protocol; `nil` where it does not.
    public let redisAddress: String?
    /// Where it speaks HTTP with JSON; `nil` where it does not.
    public let httpAddress: String?
    let node: Node
    private let listeners: [any Channel]
    private let group: MultiThreadedEventLoopGroup
    let logger: Logger
    private let failure: FailureBox
    let metrics: MetricsServer?
    /// What runs beside the server as long as it does.
    private let companion = Mutex<Task<Void, Never>?>(nil)
    /// Certificates that were read from files.
    let certificates = Mutex<[any ReloadableCertificates]>([])

    private init(
        node: Node, listeners: [any Channel], addresses: [String], redisAddress: String?,
        httpAddress: String?,
        group: MultiThreadedEventLoopGroup, logger: Logger, failure: FailureBox,
        metrics: MetricsServer?
    ) {
        self.node = node
        self.listeners = listeners
        self.addresses = addresses
        self.redisAddress = redisAddress
        self.httpAddress = httpAddress
        self.group = group
        self.logger = logger
        self.failure = failure
        self.metrics = metrics
    }

    /// Recovers the state and opens the listeners.
    ///
    /// - Throws: `invalid_configuration`, `data_directory_in_use`, `log_damaged`, `storage_failed`.
    public static func start(
        _ options: ServerOptions, logger: Logger
    ) async throws(ThalwegError) -> Server {
        try await withMetrics(options, logger) { (metrics) async throws(ThalwegError) in
            try await start(options, metrics, logger)
        }
    }

    static func start(
        _ options: ServerOptions, _ metrics: MetricsServer?, _ logger: Logger
    ) async throws(ThalwegError) -> Server {
        let places = try ListenPlace.all(options)
        let tls: TLSAccepting? = options.tls.isEmpty ? nil : try TLSAccepting(options.tls)
        try checkAuthentication(places.map(\.endpoint), options)
        let group = MultiThreadedEventLoopGroup(
            numberOfThreads: options.loops > 0 ? options.loops : System.coreCount)
        let failure = FailureBox()
        do throws(ThalwegError) {
            let node = try Node(options: options, group: group, logger: logger) { error in
                logger.critical("the log stopped", metadata: ["reason": "\(error)"])
                failure.fail(error)
            }
            await node.prepare()
            var channels: [any Channel] = []
            do throws(ThalwegError) {
                for place in places {
                    channels.append(try await listen(place, node, group, tls))
                }
            } catch {
                for channel in channels {
                    try? await channel.close()
                }
                node.stop()
                throw error
            }
            let addresses = { (dialect: Dialect) in
                zip(places, channels).filter { $0.0.dialect == dialect }.map { place, channel in
                    place.endpoint.description(port: channel.localAddress?.port)
                }
            }
            for dialect in Dialect.allCases where !addresses(dialect).isEmpty {
                logger.info(
                    "listening",
                    metadata: [
                        "addresses": "\(addresses(dialect).joined(separator: " "))",
                        "protocol": "\(dialect)",
                    ])
            }
            let server = Server(
                node: node, listeners: channels, addresses: addresses(.frames),
                redisAddress: addresses(.redis).first, httpAddress: addresses(.http).first,
                group: group, logger: logger,
                failure: failure, metrics: metrics)
            metrics?.serve(node, failure)
            if let tls { server.keep([tls]) }
            return server
        } catch {
            try? await group.shutdownGracefully()
            throw error
        }
    }

    private static func listen(
        _ place: ListenPlace, _ node: Node, _ group: MultiThreadedEventLoopGroup,
        _ tls: TLSAccepting?
    ) async throws(ThalwegError) -> any Channel {
        let endpoint = place.endpoint
        let tls = endpoint.isUnix ? nil : tls
        let bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 1_024)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try accept(channel, place.dialect, node, tls)
                }
            }
        do {
            return try await bootstrap.bind(to: endpoint)
        } catch {
            throw ThalwegError(
                .invalidConfiguration, "cannot listen on \(endpoint): \(error)",
                advice: "is another server there? choose another address with --\(place.flag)")
        }
    }

    private static func accept(
        _ channel: any Channel, _ dialect: Dialect, _ node: Node, _ tls: TLSAccepting?
    ) throws {
        let open = node.counters.connections.load(ordering: .relaxed)
        let limit = node.options.limits.connections
        var refusal = node.unserved.withLock { $0 }
        if open >= limit {
            refusal = .exceeded(
                .tooManyConnections, "the number of connections", value: open + 1, limit: limit,
                advice: "close connections that are not used, or raise the limit")
        }
        try channel.setOptionsForClients(node.options.limits)
        try tls?.secure(channel) { dialect.refusal($0) }
        let gateway = try dialect.addGateway(to: channel, node)
        try channel.pipeline.syncOperations.addHandler(
            ClientConnection(
                node: node, logger: node.logger, gateway: gateway, isSecured: tls != nil,
                stays: dialect == .http, refusal: refusal))
    }

    /// The log that this node keeps with others: its members, and who leads; `nil` for a node that
    /// stands alone.
    public var replicatedLog: ReplicatedLog? { node.replicatedLog }

    /// Ends with the server.
    func accompany(_ task: Task<Void, Never>) {
        companion.withLock { $0 = task }
    }

    /// Why the node cannot go on; `nil` while it can.
    package var failed: ThalwegError? { failure.error }

    /// Ends when the log has failed: the error, after which the process should end.
    public func waitForFailure() async -> ThalwegError {
        await failure.value()
    }

    /// Stops accepting, makes durable what was merged, hands leadership over, closes every connection
    /// and the log.
    public func stop() async {
        metrics?.stopping()
        companion.withLock { $0 }?.cancel()
        for listener in listeners {
            try? await listener.close()
        }
        await node.stopLeading()
        await node.closeConnections()
        node.stop()
        await metrics?.close()
        try? await group.shutdownGracefully()
        await metrics?.shutDown()
        logger.info("stopped")
    }
}

extension Server: Service {
    /// Runs until graceful shutdown is asked for, or the log fails.
    public func run() async throws {
        let error: ThalwegError? = await withTaskGroup(of: ThalwegError?.self) { tasks in
            tasks.addTask { [self] in await waitForFailure() }
            tasks.addTask {
                try? await gracefulShutdown()
                return nil
            }
            let first = await tasks.next() ?? nil
            tasks.cancelAll()
            failure.release()
            return first
        }
        await stop()
        if let error { throw error }
    }
}
