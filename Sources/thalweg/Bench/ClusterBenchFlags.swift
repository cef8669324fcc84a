import ArgumentParser
import ThalwegBench

/// What every scenario that starts a cluster of its own can be told about the nodes.
struct ClusterBenchFlags: ParsableArguments {
    @Option(help: "The nodes' election timeout: 500ms.")
    var electionTimeout: String?

    @Option(help: "The nodes' heartbeat: 100ms.")
    var heartbeat: String?

    @Option(help: "A folder for the nodes' data.")
    var scratch: String?

    func apply(to cluster: inout ClusterShape) {
        cluster.electionTimeout = electionTimeout
        cluster.heartbeat = heartbeat
        cluster.scratchFolder = scratch
    }
}
