import ArgumentParser
import ThalwegBench

struct BenchBootstrap: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bootstrap",
        abstract: "A new subscriber gets all records, in silence and while others write.")

    @Option(help: "Bootstraps in each phase; the median counts.")
    var rounds: Int?

    @OptionGroup var load: LoadFlags
    @OptionGroup var common: BenchFlags

    func run() throws {
        var options = BootstrapOptions()
        options.server = try common.serverOptions
        try load.apply(to: &options.load)
        options.duration = try common.length(or: options.duration)
        if let rounds { options.rounds = rounds }
        options.windowMilliseconds = common.window
        options.quiet = common.quiet
        options.commandLine = CommandLine.arguments
        try common.publish(try runBootstrap(options))
    }
}
