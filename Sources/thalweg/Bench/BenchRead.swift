import ArgumentParser
import ThalwegBench

struct BenchRead: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "read",
        abstract: "One client reads one record after the other while others write.")

    @Option(parsing: .upToNextOption, help: "Background writes a second, one phase each.")
    var rates: [Int] = []

    @Flag(
        help: """
            Leave the placing of threads on cores to the system; otherwise who asks and who answers \
            share the last one, and the writers have the others.
            """)
    var spread = false

    @Option(help: "Compare pipelined reads with Redis: HOST:PORT, or 'spawn' to start one.")
    var redis: String?

    @OptionGroup var load: LoadFlags
    @OptionGroup var common: BenchFlags

    func run() throws {
        var options = ReadOptions()
        options.server = try common.serverOptions
        try load.apply(to: &options.load)
        if let rate = load.rate { options.rates = [rate] }
        if !rates.isEmpty { options.rates = rates }
        options.duration = try common.length(or: options.duration)
        options.windowMilliseconds = common.window
        options.spread = spread
        options.redis = redis
        options.quiet = common.quiet
        options.commandLine = CommandLine.arguments
        try common.publish(runRead(options))
    }
}
