import ArgumentParser
import ThalwegBench
import ThalwegModel

/// What every scenario can be told about its server and its report.
struct BenchFlags: ParsableArguments {
    @Option(help: "A server that runs already: HOST:PORT.")
    var server: String?

    @Option(help: "The process of that server, to read its processor time.")
    var serverPid: Int32?

    @Option(help: "A folder for the data of a server that is started.")
    var scratch: String?

    @Option(help: "The topic's window in milliseconds.")
    var window = 20

    @Option(help: "How long to run: 10s, 500ms, 2m.")
    var duration: String?

    @OptionGroup var report: ReportFlags

    var serverOptions: ThalwegBench.ServerOptions {
        get throws(ThalwegError) {
            var options = ThalwegBench.ServerOptions()
            if let server { options.server = try Endpoint(parsing: server) }
            options.serverProcessID = serverPid
            options.scratchFolder = scratch
            return options
        }
    }

    func length(or usual: Duration) throws(ThalwegError) -> Duration {
        guard let duration else { return usual }
        return try DurationText.parse(duration)
    }

    var quiet: Bool { report.quiet }

    func publish(_ report: some Report) throws {
        try self.report.publish(report)
    }
}

/// What the load of a scenario can be told; what is left out stays as the scenario has it.
struct LoadFlags: ParsableArguments {
    @Option(help: "Connections that write, each a source.")
    var workers: Int?

    @Option(help: "Records that are written.")
    var entities: Int?

    @Option(help: "The rows: only player.")
    var schema = "player"

    @Option(help: "ASSERT/PATCH/RETRACT in percent.")
    var mix: String?

    @Option(help: "Writes a second of all workers; 0 for as many as the server takes.")
    var rate: Int?

    @Option(help: "This share of the records gets 90 % of the writes.")
    var hotPct: Int?

    @Option(help: "Threads that the workers share.")
    var threads: Int?

    @Option(help: "Bytes of payload at which a frame is sent.")
    var frameBytes: Int?

    @Option(help: "The seed of all that is random.")
    var seed: UInt64?

    func validate() throws {
        guard schema == "player" else {
            throw ValidationError("--schema is player; there is no other yet.")
        }
    }

    func apply(to load: inout LoadOptions) throws(ThalwegError) {
        if let workers { load.workers = workers }
        if let entities { load.entities = entities }
        if let mix { load.mix = try Mix(parsing: mix) }
        if let rate { load.rate = rate }
        if let hotPct { load.hotPercent = hotPct }
        if let threads { load.threads = threads }
        if let frameBytes { load.frameBytes = frameBytes }
        if let seed { load.seed = seed }
    }
}
