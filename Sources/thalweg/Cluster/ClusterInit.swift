import ArgumentParser
import ThalwegServer
import ThalwegText

struct ClusterInit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Make a data directory the first node of a cluster.",
        discussion: """
            An empty one, or that of a node that stood alone and does not run: its data becomes the \
            cluster's when it is served.
            """)

    @OptionGroup var flags: ClusterDirectoryFlags

    @Flag(help: "Print JSON.")
    var json = false

    func run() async throws {
        let made = try ClusterDirectory.found(try await flags.configuration())
        writeLine(ClusterText.made(made, directory: flags.data, isJSON: json))
    }
}
