import ArgumentParser
import Foundation
import ThalwegClient
import ThalwegModel
import ThalwegText

/// What deploy and upgrade have in common.
struct DeploymentFlags: ParsableArguments {
    @Argument(help: "A topic that keeps every write.")
    var topic: String

    @Argument(help: "The module: NAME.wasm.")
    var module: String

    @Option(help: "What to call the program; the module's name, if left out.")
    var name: String?

    @Option(help: "Text for the program's initialiser.")
    var arguments = ""

    @Option(help: "Bytes for it, as hexadecimal digits: 9001000000000000 is 400 as a u64.")
    var argumentsHex: String?

    @OptionGroup var access: ServerAccess

    func validate() throws {
        guard argumentsHex == nil || arguments.isEmpty else {
            throw ValidationError("Give either --arguments or --arguments-hex.")
        }
    }

    func deploy(_ client: ThalwegClient, loadsRecords: Bool) async throws {
        let url = URL(fileURLWithPath: module)
        let bytes: [UInt8]
        do {
            bytes = [UInt8](try Data(contentsOf: url))
        } catch {
            throw ThalwegError(
                .invalidProgram, "'\(module)' cannot be read: \(error.localizedDescription)",
                advice: "build the program first: thalweg program build")
        }
        let info = try await client.deployProgram(
            bytes, to: topic, name: name ?? url.deletingPathExtension().lastPathComponent,
            arguments: try argumentsHex.map(BytesText.digits) ?? Array(arguments.utf8),
            loadsRecords: loadsRecords)
        writeLine(access.json ? ProgramText.json(info).text : ProgramText.describe(info))
    }
}

struct ProgramDeploy: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "deploy",
        abstract: "Put a program into a topic.",
        discussion: """
            Every write to the topic goes through the program from here on: it accepts, rejects, or \
            stores something else. The topic must have no program yet.
            """)

    @OptionGroup var deployment: DeploymentFlags

    func run() async throws {
        try await deployment.access.withClient { client in
            if let running = try await client.programs(of: deployment.topic).first {
                throw ThalwegError(
                    .invalidOptions,
                    "topic '\(running.topic)' has the program '\(running.name)' already",
                    advice: "replace it: thalweg program upgrade")
            }
            try await deployment.deploy(client, loadsRecords: false)
        }
    }
}

struct ProgramUpgrade: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "upgrade",
        abstract: "Put another program in the place of a topic's.",
        discussion: """
            The new program is given the topic's records before its first write, so that it knows \
            what the old one knew; with --fresh it begins with nothing.
            """)

    @OptionGroup var deployment: DeploymentFlags

    @Flag(help: "The new program is given no records.")
    var fresh = false

    func run() async throws {
        try await deployment.access.withClient { client in
            guard try await !client.programs(of: deployment.topic).isEmpty else {
                throw ThalwegError(
                    .invalidOptions, "topic '\(deployment.topic)' has no program",
                    advice: "give it one: thalweg program deploy")
            }
            try await deployment.deploy(client, loadsRecords: !fresh)
        }
    }
}
