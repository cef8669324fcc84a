import ArgumentParser
import ThalwegServer

struct ClusterInit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init", abstract: "Make an empty data directory the first node of a cluster.")

    @OptionGroup var flags: ClusterDirectoryFlags

    @Flag(help: "Print JSON.")
    var json = false

    func run() async throws {
        let made = try ClusterDirectory.found(try await flags.configuration())
        writeLine(ClusterText.made(made, directory: flags.data, isJSON: json))
    }
}
