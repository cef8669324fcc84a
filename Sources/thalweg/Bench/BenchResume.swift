import ArgumentParser
import ThalwegBench

struct BenchResume: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "resume",
        abstract: "A subscriber comes back after some of the records changed.")

    @Option(help: "The share of the records that changes meanwhile.")
    var changedPct: Double?

    @Option(help: "Bootstraps and resumes; the median counts.")
    var rounds: Int?

    @OptionGroup var load: LoadFlags
    @OptionGroup var common: BenchFlags

    func run() throws {
        var options = ResumeOptions()
        options.server = try common.serverOptions
        try load.apply(to: &options.load)
        if let changedPct { options.changedPercent = changedPct }
        if let rounds { options.rounds = rounds }
        options.windowMilliseconds = common.window
        options.quiet = common.quiet
        options.commandLine = CommandLine.arguments
        try common.publish(try runResume(options))
    }
}
