import ArgumentParser
import ThalwegBench
import ThalwegModel

struct BenchTopic: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "topic",
        abstract: "Clients write to one topic that keeps every write, and wait for each commit.",
        discussion: "A first row has one client with one message in flight.")

    @Option(help: "Nodes that keep the topic, some rows each: 1,3,5,7.")
    var nodes = "1"

    @Option(help: "Clients that write at the same time, one row each: 1,3,5.")
    var clients = "1,3,5"

    @Option(help: "Messages of each client.")
    var messages: Int?

    @Option(help: "Messages that a client sends before it waits.")
    var inFlight: Int?

    @Option(help: "Bytes of a value.")
    var valueBytes: Int?

    @Option(help: "A program in the topic: an example of 'make modules', or the path of a module.")
    var program: String?

    @Option(name: .customLong("repeat"), help: "Runs of each row, of which the median counts.")
    var repeats: Int?

    @OptionGroup var common: BenchFlags

    func run() throws {
        var options = StreamOptions()
        options.server = try common.serverOptions
        options.nodes = try BenchTopic.numbers(nodes, of: "nodes")
        options.clients = try BenchTopic.numbers(clients, of: "clients")
        if let messages { options.messages = messages }
        if let inFlight { options.inFlight = inFlight }
        if let valueBytes { options.valueBytes = valueBytes }
        if let repeats { options.repeats = repeats }
        options.program = program
        options.quiet = common.quiet
        options.commandLine = CommandLine.arguments
        try common.publish(try runStream(options))
    }

    private static func numbers(_ text: String, of what: String) throws -> [Int] {
        try text.split(separator: ",").map { text in
            guard let count = Int(text) else {
                throw ThalwegError(
                    .invalidConfiguration, "'\(text)' is not a number of \(what)",
                    advice: "write numbers with commas between them, such as 1,3,5")
            }
            return count
        }
    }
}
