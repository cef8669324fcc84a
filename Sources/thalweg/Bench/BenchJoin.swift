import ArgumentParser
import ThalwegBench
import ThalwegModel

struct BenchJoin: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "join",
        abstract: "Let another node join a cluster of many records while others write.",
        discussion: "Starts the nodes itself, as processes of this machine on loopback addresses.")

    @Option(help: "Nodes of the cluster before another one joins.")
    var nodes: Int?

    @Option(help: "Records that are there when it does.")
    var entities: Int?

    @Option(help: "Writes a second, open loop: a batch each 10 ms.")
    var rate: Int?

    @Option(help: "Writes alone, before the node is started: 10s.")
    var duration: String?

    @Option(help: "The topic's window in milliseconds.")
    var window: Int?

    @Option(help: "The seed of all that is random.")
    var seed: UInt64?

    @Option(help: "The nodes' election timeout: 500ms.")
    var electionTimeout: String?

    @Option(help: "The nodes' heartbeat: 100ms.")
    var heartbeat: String?

    @Option(help: "A folder for the nodes' data.")
    var scratch: String?

    @Option(help: "Write the report as JSON to this file.")
    var json: String?

    @Flag(help: "No progress on the standard error.")
    var quiet = false

    func run() throws {
        var options = JoinOptions()
        if let nodes { options.nodes = nodes }
        if let entities { options.entities = entities }
        if let rate { options.rate = rate }
        if let duration { options.settling = try DurationText.parse(duration) }
        if let window { options.windowMilliseconds = window }
        if let seed { options.seed = seed }
        options.electionTimeout = electionTimeout
        options.heartbeat = heartbeat
        options.scratchFolder = scratch
        options.quiet = quiet
        options.commandLine = CommandLine.arguments
        let report = try runJoin(options)
        write(report.table(), to: .standard)
        if let json { try report.write(to: json) }
    }
}
