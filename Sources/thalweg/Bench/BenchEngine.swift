import ArgumentParser
import ThalwegBench
import ThalwegModel

struct BenchEngine: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "engine",
        abstract: "The path of a write in the engine, on one core, without sockets and log.")

    @OptionGroup var load: LoadFlags

    @Option(help: "How long to run: 10s, 500ms, 2m.")
    var duration: String?

    @Option(help: "So many writes instead of a duration.")
    var writes: Int?

    @Option(help: "Writes in a window.")
    var windowWrites: Int?

    @OptionGroup var output: ReportFlags

    func run() throws {
        var options = EngineOptions()
        try load.apply(to: &options.load)
        if let duration { options.duration = try DurationText.parse(duration) }
        options.writes = writes
        if let windowWrites { options.windowWrites = windowWrites }
        options.quiet = output.quiet
        options.commandLine = CommandLine.arguments
        try output.publish(try runEngine(options))
    }
}
