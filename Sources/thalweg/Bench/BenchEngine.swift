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

    @Option(help: "Write the report as JSON to this file.")
    var json: String?

    @Flag(help: "No progress on the standard error.")
    var quiet = false

    func run() throws {
        var options = EngineOptions()
        try load.apply(to: &options.load)
        if let duration { options.duration = try DurationText.parse(duration) }
        options.writes = writes
        if let windowWrites { options.windowWrites = windowWrites }
        options.quiet = quiet
        options.commandLine = CommandLine.arguments
        let report = try runEngine(options)
        write(report.table(), to: .standard)
        if let json { try report.write(to: json) }
    }
}
