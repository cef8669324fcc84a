import ArgumentParser
import ThalwegBench

struct BenchRedis: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "redis",
        abstract: "Redis clients: redis-benchmark against this server and against Redis, in turns.")

    @Option(help: "Connections.")
    var clients = 50

    @Option(help: "Different keys.")
    var keys = 100_000

    @Option(help: "Bytes of a value.")
    var valueBytes = 64

    @Option(parsing: .upToNextOption, help: "Commands in a pipeline, one phase each.")
    var depths: [Int] = []

    @Option(help: "Turns of each phase; the median counts.")
    var turns = 3

    @Option(help: "Commands of a turn; a tenth where they come one at a time.")
    var requests = 1_000_000

    @OptionGroup var common: BenchFlags

    func run() throws {
        var options = GatewayOptions()
        options.server = try common.serverOptions
        options.clients = clients
        options.keys = keys
        options.valueBytes = valueBytes
        if !depths.isEmpty { options.depths = depths }
        options.turns = turns
        options.requests = requests
        options.quiet = common.quiet
        options.commandLine = CommandLine.arguments
        try common.publish(runGateway(options))
    }
}
