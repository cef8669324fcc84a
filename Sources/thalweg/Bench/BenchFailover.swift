import ArgumentParser
import ThalwegBench
import ThalwegModel

struct BenchFailover: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "failover",
        abstract:
            "Kill nodes of a cluster again and again under a load, and count what is lost.",
        discussion: "Starts the nodes itself, as processes of this machine on loopback addresses.")

    @Option(help: "Nodes of the cluster.")
    var nodes: Int?

    @Option(help: "Who is killed: leader, follower (a random one), all (at once).")
    var victim = "leader"

    @Option(help: "How often somebody is killed.")
    var kills: Int?

    @Option(help: "Writes in a batch.")
    var batch: Int?

    @Option(help: "Batches between two kills, at least.")
    var between: Int?

    @OptionGroup var flags: ClusterBenchFlags
    @OptionGroup var output: ReportFlags

    @Flag(help: "Fail unless nothing was lost or applied twice, and all nodes are equal.")
    var strict = false

    func run() throws {
        var options = FailoverOptions()
        if let nodes { options.cluster.nodes = nodes }
        flags.apply(to: &options.cluster)
        guard let known = FailoverOptions.Victim(rawValue: victim) else {
            throw ThalwegError(
                .invalidConfiguration, "'\(victim.prefix(100))' is nobody to kill",
                advice: "choose one of leader, follower, all")
        }
        options.victim = known
        if let kills { options.kills = kills }
        if let batch { options.writesPerBatch = batch }
        if let between { options.batchesBetween = between }
        options.quiet = output.quiet
        options.commandLine = CommandLine.arguments
        let report = try runFailover(options)
        try output.publish(report)
        let isGood =
            report.lost == 0 && report.duplicated == 0 && report.clientErrors == 0
            && report.areEqual
        if strict, !isGood { throw ExitCode(1) }
    }
}
