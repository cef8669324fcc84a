import ArgumentParser
import ThalwegBench

struct BenchWrite: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "write",
        abstract: "Many sources write as fast as the server takes it, or at a rate.")

    @Option(help: "Connections that watch the topic meanwhile.")
    var subscribers = 0

    @Flag(help: "Subscribers begin with all records.")
    var bootstrap = false

    @Flag(help: "Subscribers ask for the row before each change.")
    var includePrev = false

    @Option(help: "Nodes: more than one is a cluster on this machine, and then one alone.")
    var nodes = 1

    @Flag(help: "Measure a server that reads and discards with the same load.")
    var sink = false

    @Option(help: "Measure Redis with the same bytes: 'spawn', or its HOST:PORT.")
    var redis: String?

    @OptionGroup var load: LoadFlags
    @OptionGroup var common: BenchFlags

    func run() throws {
        var options = WriteOptions()
        options.server = try common.serverOptions
        options.server.nodes = nodes
        try load.apply(to: &options.load)
        options.duration = try common.length(or: options.duration)
        options.windowMilliseconds = common.window
        options.subscribers = subscribers
        options.bootstrap = bootstrap
        options.includePrevious = includePrev
        options.sink = sink
        options.redis = redis
        options.quiet = common.quiet
        options.commandLine = CommandLine.arguments
        try common.publish(try runWrite(options))
    }
}
