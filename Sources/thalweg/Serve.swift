import ArgumentParser
import Foundation
import Logging
import ServiceLifecycle
import ThalwegModel
import ThalwegServer
import ThalwegText
import UnixSignals

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a server.",
        discussion: """
            --cluster-init and --join are looked at once, while the data directory belongs to no cluster; \
            afterwards --data alone suffices.

            Stops in good order at SIGTERM or SIGINT: what was merged is made durable. At SIGHUP certificates are \
            read again, where there are any.

            Every setting can be in the file of --config and in the environment, such as \
            THALWEG_LIMITS_CONNECTIONS; flags win over the environment, and it over the file.
            """)

    @Option(help: "A JSON file of settings; --print-config shows all there are.")
    var config: String?

    @Option(help: "Where to listen: HOST:PORT (port 0: any free one) or unix:/path. Repeatable.")
    var listen: [String] = []

    @Option(help: "The data directory; made if it does not exist.")
    var data: String?

    @Option(help: "Event loops, each with a partition; 0 is one per core.")
    var loops: Int?

    @Option(help: "The window of topics that do not say their own: 20ms.")
    var window: String?

    @Option(help: "Log bytes after which a snapshot is taken.")
    var snapshotAfterBytes: Int?

    @Flag(help: "Listen beyond loopback although there is no authentication.")
    var allowUnauthenticatedRemote = false

    @Option(
        help: ArgumentHelp(
            "Where to tell metrics, health and readiness over HTTP: HOST:PORT, or a port of loopback. Off "
                + "without it."))
    var metrics: String?

    @Flag(help: "Tell them beyond loopback, to whoever asks.")
    var metricsAllowRemote = false

    @Option(
        help: ArgumentHelp(
            "Where to listen to Redis clients: HOST:PORT, or a port of loopback. Off without it."))
    var redis: String?

    @Option(
        help: ArgumentHelp(
            "Where to speak HTTP with JSON: HOST:PORT, or a port of loopback. Off without it."))
    var http: String?

    @OptionGroup(title: "TLS for clients") var tls: ServerTLSFlags

    @OptionGroup(title: "Cluster") var cluster: ClusterFlags

    @Flag(help: "Make the data directory the first node of a new cluster; what is in it stays.")
    var clusterInit = false

    @Option(
        help: ArgumentHelp(
            "Make an empty data directory a node of the cluster of the node that clients reach there. "
                + "Repeatable."))
    var join: [String] = []

    @Flag(help: "A node that joins stays a learner: it serves reads and has no say.")
    var learner = false

    @Flag(
        help: ArgumentHelp(
            "If the data of a member is damaged, set it aside and fetch the others', as a new member in its "
                + "place."))
    var refetch = false

    @Option(help: "Silence of a leader after which another is elected: 500ms.")
    var electionTimeout: String?

    @Option(help: "How often a leader that has nothing to say is heard: 100ms.")
    var heartbeat: String?

    @Flag(help: "Never sync the log: a crash of the machine may lose committed writes.")
    var neverSync = false

    @Option(help: "Log lines: automatic (text on a terminal, else JSON), text or json.")
    var logFormat: String?

    @Option(help: "Log level: trace, debug, info, notice, warning, error, critical.")
    var logLevel: String?

    @Flag(help: "Print one line of JSON with address and process id when ready.")
    var jsonReady = false

    @Flag(help: "Print the settings that would be in force, as a file for --config, and end.")
    var printConfig = false

    private var flags: [String: ServerConfiguration.SettingValue] {
        var flags = cluster.settings.merging(tls.settings) { $1 }
        if !listen.isEmpty { flags["listen"] = .texts(listen) }
        if let data { flags["data"] = .text(data) }
        if let loops { flags["loops"] = .number(loops) }
        if let window { flags["window"] = .text(window) }
        if let snapshotAfterBytes { flags["snapshotAfterBytes"] = .number(snapshotAfterBytes) }
        if let metrics { flags["metrics.listen"] = .text(metrics) }
        if let redis { flags["redis.listen"] = .text(redis) }
        if let http { flags["http.listen"] = .text(http) }
        if metricsAllowRemote { flags["metrics.allowRemote"] = .flag(true) }
        if allowUnauthenticatedRemote { flags["allowUnauthenticatedRemote"] = .flag(true) }
        if clusterInit { flags["cluster.init"] = .flag(true) }
        if !join.isEmpty { flags["cluster.join"] = .texts(join) }
        if learner { flags["cluster.learner"] = .flag(true) }
        if refetch { flags["cluster.refetch"] = .flag(true) }
        if let electionTimeout { flags["cluster.electionTimeout"] = .text(electionTimeout) }
        if let heartbeat { flags["cluster.heartbeat"] = .text(heartbeat) }
        if neverSync { flags["log.sync"] = .text("never") }
        if let logFormat { flags["logging.format"] = .text(logFormat) }
        if let logLevel { flags["logging.level"] = .text(logLevel) }
        return flags
    }

    func run() async throws {
        let configuration = try await ServerConfiguration.load(
            flags: flags, environment: ProcessInfo.processInfo.environment, file: config)
        if printConfig { return writeLine(try configuration.json()) }
        let logger = Serve.logger(configuration)
        let server = try await Server.start(configuration, logger: logger)
        var services = [ServiceGroupConfiguration.ServiceConfiguration(service: server)]
        if server.hasCertificates {
            services.append(.init(service: CertificateReload(server: server, logger: logger)))
        }
        if jsonReady {
            var ready = [
                JSON.Member(name: "listening", value: .string(server.addresses[0])),
                JSON.Member(name: "pid", value: .signed(Int64(getpid()))),
            ]
            if let address = server.metricsAddress {
                ready.append(JSON.Member(name: "metrics", value: .string(address)))
            }
            if let address = server.redisAddress {
                ready.append(JSON.Member(name: "redis", value: .string(address)))
            }
            if let address = server.httpAddress {
                ready.append(JSON.Member(name: "http", value: .string(address)))
            }
            services.append(.init(service: ReadyLine(text: JSON.object(ready).text)))
        }
        let group = ServiceGroup(
            configuration: .init(
                services: services, gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        try await group.run()
    }

    /// Says that the server is ready once the group waits for signals: whoever has read the line may
    /// end the process in good order.
    private struct ReadyLine: Service {
        let text: String

        func run() async throws {
            writeLine(text)
            try await gracefulShutdown()
        }
    }

    /// Reads certificates again at each SIGHUP.
    private struct CertificateReload: Service {
        let server: Server
        let logger: Logger

        func run() async throws {
            for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
                do throws(ThalwegError) {
                    try server.reloadCertificates()
                    logger.notice("certificates read again")
                } catch {
                    logger.error(
                        "certificates could not be read again, those of before serve",
                        metadata: ["reason": "\(error)"])
                }
            }
        }
    }

    private static func logger(_ configuration: ServerConfiguration) -> Logger {
        let isText =
            switch configuration.logFormat {
            case .text: true
            case .json: false
            case .automatic: isatty(STDERR_FILENO) == 1
            }
        var logger = Logger(label: "thalweg") { label -> any LogHandler in
            if isText { return StreamLogHandler.standardError(label: label) }
            return JSONLogHandler(label: label)
        }
        logger.logLevel = Logger.Level(rawValue: configuration.logLevel) ?? .info
        return logger
    }
}
