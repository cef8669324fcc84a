import ArgumentParser
import ThalwegBench

struct BenchRead: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "read",
        abstract: "One client reads one record after the other while others write.")

    @Option(parsing: .upToNextOption, help: "Background writes a second, one phase each.")
    var rates: [Int] = []

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
        options.quiet = common.quiet
        options.commandLine = CommandLine.arguments
        try common.publish(runRead(options))
    }
}
