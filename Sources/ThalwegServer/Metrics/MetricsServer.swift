// Metrics, health and readiness over HTTP, on a listener and an event loop of their own: they answer
// while the node recovers, while it ends, and while its loops are stuck.
//
//   GET /metrics ──► each loop of the node is asked, a bounded time ──► a page of text
//   GET /livez   ──► each loop of the node is asked for a sign of life
//   GET /readyz  ──► what the node knows of itself, at once
//
// Whoever asks costs the loops that serve clients one short message each, however many ask.
import Logging
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization
import ThalwegModel

final class MetricsServer: @unchecked Sendable {
    // Safe: `collector`, `open` and `refused` belong to `loop`; the others are constant or locked.

    /// What there is to tell about.
    enum Subject {
        case starting
        case running(Node, FailureBox)
        case stopping(Node, FailureBox)
    }

    let address: String
    let options: MetricsOptions
    let loop: any EventLoop
    private let group: MultiThreadedEventLoopGroup
    private let subject = Mutex(Subject.starting)
    private let listener = Mutex<(any Channel)?>(nil)
    private let collector: MetricsCollector
    private var open: [ObjectIdentifier: any Channel] = [:]
    private var refused: UInt64 = 0

    /// - Throws: `invalid_configuration` where the address cannot be listened on.
    static func open(
        _ options: MetricsOptions, logger: Logger
    ) async throws(ThalwegError) -> MetricsServer? {
        guard let endpoint = try options.endpoint else { return nil }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let opening = MetricsOpening()
        do {
            let channel = try await bind(endpoint, group, opening)
            let server = MetricsServer(
                options, endpoint.description(port: channel.localAddress?.port), group, channel)
            opening.server.withLock { $0 = server }
            try await channel.setOption(.autoRead, value: true).get()
            channel.read()
            logger.info("metrics", metadata: ["address": "\(server.address)"])
            return server
        } catch {
            try? await group.shutdownGracefully()
            throw ThalwegError(
                .invalidConfiguration, "cannot listen on \(endpoint) for metrics: \(error)",
                advice: "is another server there? choose another address with --metrics")
        }
    }

    private static func bind(
        _ endpoint: ListenAddress, _ group: MultiThreadedEventLoopGroup, _ opening: MetricsOpening
    ) async throws -> any Channel {
        try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 64)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            // Nobody is let in before there is something to say.
            .serverChannelOption(.autoRead, value: false)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try opening.server.withLock { $0 }?.accept(channel)
                }
            }
            .bind(to: endpoint)
    }

    private init(
        _ options: MetricsOptions, _ address: String, _ group: MultiThreadedEventLoopGroup,
        _ channel: any Channel
    ) {
        self.options = options
        self.address = address
        self.group = group
        loop = group.next()
        collector = MetricsCollector(loop, topics: options.topics)
        listener.withLock { $0 = channel }
    }

    // MARK: What it tells about

    func serve(_ node: Node, _ failure: FailureBox) {
        subject.withLock { $0 = .running(node, failure) }
    }

    /// The node ends; it is still told about until ``close()``.
    func stopping() {
        subject.withLock { subject in
            if case .running(let node, let failure) = subject {
                subject = .stopping(node, failure)
            }
        }
    }

    private var readiness: Readiness {
        switch subject.withLock({ $0 }) {
        case .starting: .starting
        case .stopping(_, let failure): Self.failed(failure) ?? .stopping
        case .running(let node, let failure): Self.failed(failure) ?? node.readiness
        }
    }

    private static func failed(_ failure: FailureBox) -> Readiness? {
        failure.error.map { $0.code == .stopped ? .stopping : .failed($0) }
    }

    private var node: Node? {
        switch subject.withLock({ $0 }) {
        case .starting: nil
        case .running(let node, _), .stopping(let node, _): node
        }
    }

    // MARK: Connections

    private func accept(_ channel: any Channel) throws {
        loop.assertInEventLoop()
        guard open.count < options.connections else {
            refused += 1
            try channel.pipeline.syncOperations.addHandler(MetricsRefusal(options.connections))
            return
        }
        open[ObjectIdentifier(channel)] = channel
        channel.closeFuture.assumeIsolated().whenComplete { [self] _ in
            open[ObjectIdentifier(channel)] = nil
        }
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHTTPServer()
        try pipeline.addHandler(
            MetricsConnection(timeout: .milliseconds(Int64(options.timeoutMilliseconds))) {
                [self] path, done in answer(path, done)
            })
    }

    /// Calls back once, on the loop.
    private func answer(_ path: String, _ done: @escaping (MetricsAnswer) -> Void) {
        switch path {
        case "/metrics":
            collector.collect(node) { [self] page in
                var page = page
                let now = readiness
                page.add(.ready, now.isReady)
                page.add(.state, now.state, of: Readiness.states)
                page.add(.scrapers, UInt64(open.count))
                page.add(.scrapersRefused, refused)
                done(MetricsAnswer(page))
            }
        case "/livez":
            collector.lookForLife(node) { silent in
                done(
                    silent.isEmpty
                        ? MetricsAnswer(.ok, "alive")
                        : MetricsAnswer(
                            .serviceUnavailable,
                            "silent: event loop \(silent.map(String.init).joined(separator: ", ")) "
                                + "does not answer"))
            }
        case "/readyz":
            let now = readiness
            done(MetricsAnswer(now.isReady ? .ok : .serviceUnavailable, now.line))
        default:
            done(
                MetricsAnswer(
                    .notFound,
                    "not_found: there are /metrics, /livez and /readyz, and no other paths"))
        }
    }

    // MARK: The end

    /// Ends the listener and every connection: the node's loops are asked nothing more.
    func close() async {
        let channel = listener.withLock { listener in
            defer { listener = nil }
            return listener
        }
        guard let channel else { return }
        try? await channel.close()
        let closing = loop.submit { [self] in
            for channel in open.values { channel.close(promise: nil) }
        }
        try? await closing.get()
    }

    /// Ends its own loop, once nobody is left to answer there.
    func shutDown() async {
        await close()
        try? await group.shutdownGracefully()
    }
}

/// The server, once it is there, for connections that come as soon as its listener is.
private final class MetricsOpening: Sendable {
    let server = Mutex<MetricsServer?>(nil)
}
