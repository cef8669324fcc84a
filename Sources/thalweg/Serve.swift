import ArgumentParser
import Logging
import ServiceLifecycle
import ThalwegModel
import ThalwegServer
import UnixSignals

#if canImport(Glibc)
import Glibc
#endif

struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run a server.",
        discussion: "Stops in good order at SIGTERM or SIGINT: what was merged is made durable.")

    @Option(help: "Where to listen: HOST:PORT (port 0: any free one) or unix:/path. Repeatable.")
    var listen: [String] = []

    @Option(help: "The data directory; made if it does not exist.")
    var data: String?

    @Option(help: "Event loops, each with a partition; 0 is one per core.")
    var loops: Int?

    @Flag(help: "Listen beyond loopback although there is no authentication.")
    var allowUnauthenticatedRemote = false

    @Flag(help: "Never sync the log: a crash of the machine may lose committed writes.")
    var neverSync = false

    @Flag(help: "Print one line of JSON with address and process id when ready.")
    var jsonReady = false

    @Option(help: "Log level: trace, debug, info, notice, warning, error, critical.")
    var logLevel: Logger.Level = .info

    func run() async throws {
        var options = ServerOptions()
        if !listen.isEmpty { options.listen = listen }
        if let data { options.dataDirectory = data }
        if let loops { options.loops = loops }
        if neverSync { options.log.syncPolicy = .never }
        options.allowsUnauthenticatedRemote = allowUnauthenticatedRemote
        var logger = Logger(label: "thalweg", factory: StreamLogHandler.standardError(label:))
        logger.logLevel = logLevel
        let server = try await Server.start(options, logger: logger)
        if jsonReady {
            print("{\"listening\":\"\(server.addresses[0])\",\"pid\":\(getpid())}")
            fflush(nil)
        }
        let group = ServiceGroup(
            configuration: .init(
                services: [.init(service: server)], gracefulShutdownSignals: [.sigterm, .sigint],
                logger: logger))
        try await group.run()
    }
}

extension Logger.Level: @retroactive ExpressibleByArgument {}
