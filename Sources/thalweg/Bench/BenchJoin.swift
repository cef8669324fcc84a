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

    @OptionGroup var flags: ClusterBenchFlags
    @OptionGroup var output: ReportFlags

    func run() throws {
        var options = JoinOptions()
        if let nodes { options.cluster.nodes = nodes }
        flags.apply(to: &options.cluster)
        if let entities { options.entities = entities }
        if let rate { options.rate = rate }
        if let duration { options.settling = try DurationText.parse(duration) }
        if let window { options.windowMilliseconds = window }
        if let seed { options.seed = seed }
        options.quiet = output.quiet
        options.commandLine = CommandLine.arguments
        try output.publish(try runJoin(options))
    }
}
