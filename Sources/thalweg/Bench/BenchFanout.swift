import ArgumentParser
import ThalwegBench

struct BenchFanout: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fanout",
        abstract: "Many subscriptions with few filters are told what is written.")

    @Option(help: "Subscriptions.")
    var subscribers: Int?

    @Option(help: "Filters that differ; each takes an equal part of the keys.")
    var filters: Int?

    @Option(help: "Subscriptions of one connection, at most 1,000.")
    var perConnection: Int?

    @OptionGroup var load: LoadFlags
    @OptionGroup var common: BenchFlags

    func run() throws {
        var options = FanoutOptions()
        options.server = try common.serverOptions
        try load.apply(to: &options.load)
        options.duration = try common.length(or: options.duration)
        if let subscribers { options.subscribers = subscribers }
        if let filters { options.filters = filters }
        if let perConnection { options.subscriptionsPerConnection = perConnection }
        options.windowMilliseconds = common.window
        options.quiet = common.quiet
        options.commandLine = CommandLine.arguments
        try common.publish(try runFanout(options))
    }
}
