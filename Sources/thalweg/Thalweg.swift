import ArgumentParser
import ThalwegServer

@main
struct Thalweg: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "thalweg",
        abstract: "A live-state server: many writers say what is true, everybody sees one answer.",
        version: serverVersion,
        subcommands: [Serve.self])
}
