import ArgumentParser
import ThalwegBench

struct BenchRecords: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "records",
        abstract: "Load many records once, then write to all of them, then restart.")

    @Flag(inversion: .prefixedNo, help: "Restart the server and time its first answer.")
    var restart = true

    @OptionGroup var load: LoadFlags
    @OptionGroup var common: BenchFlags

    func run() throws {
        var options = RecordsOptions()
        options.server = try common.serverOptions
        try load.apply(to: &options.load)
        options.duration = try common.length(or: options.duration)
        options.windowMilliseconds = common.window
        options.restart = restart && common.server == nil
        options.quiet = common.quiet
        options.commandLine = CommandLine.arguments
        try common.publish(try runRecords(options))
    }
}
