import ArgumentParser
import ThalwegServer
import ThalwegText

struct ClusterJoin: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "join", abstract: "Make an empty data directory a node of a cluster.",
        discussion: """
            The node is let in when it is served: as a learner first, and as a voter when it has caught up.
            """)

    @OptionGroup var flags: ClusterDirectoryFlags

    @Option(help: "A node of the cluster, where clients reach it. Repeatable.")
    var server: [String]

    @Flag(help: "Stay a learner: serve reads and have no say.")
    var learner = false

    @Flag(help: "Print JSON.")
    var json = false

    func run() async throws {
        let configuration = try await flags.configuration([
            "cluster.join": .texts(server), "cluster.learner": .flag(learner),
        ])
        let made = try await ClusterDirectory.join(configuration)
        writeLine(ClusterText.made(made, directory: flags.data, isJSON: json))
    }
}
