import ArgumentParser
import ThalwegBench

struct BenchCoalesce: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "coalesce",
        abstract: "A tenth of the records gets nine tenths of the writes.")

    @OptionGroup var load: LoadFlags
    @OptionGroup var common: BenchFlags

    func run() throws {
        var options = CoalesceOptions()
        options.server = try common.serverOptions
        try load.apply(to: &options.load)
        options.duration = try common.length(or: options.duration)
        options.windowMilliseconds = common.window
        options.quiet = common.quiet
        options.commandLine = CommandLine.arguments
        try common.publish(try runCoalesce(options))
    }
}
