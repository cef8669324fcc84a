import ArgumentParser
import ThalwegBench
import ThalwegModel

struct BenchProgram: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "program",
        abstract: "Writes go through a program in the engine, on one core, without a server.")

    @Option(help: "An example of 'make modules', such as Transfer, or the path of a module.")
    var program: String?

    @Option(help: "Writes in a batch, as one frame brings them.")
    var batch: Int?

    @Option(help: "Batches in an entry of the log.")
    var batchesPerEntry: Int?

    @Option(help: "Bytes of a value, for a program that takes any.")
    var valueBytes: Int?

    @Option(help: "How long to run: 10s, 500ms, 2m.")
    var duration: String?

    @OptionGroup var output: ReportFlags

    func run() throws {
        var options = ProgramOptions()
        if let program { options.program = program }
        if let batch { options.batch = batch }
        if let batchesPerEntry { options.batchesPerEntry = batchesPerEntry }
        if let valueBytes { options.valueBytes = valueBytes }
        if let duration { options.duration = try DurationText.parse(duration) }
        options.quiet = output.quiet
        options.commandLine = CommandLine.arguments
        try output.publish(try runProgram(options))
    }
}
