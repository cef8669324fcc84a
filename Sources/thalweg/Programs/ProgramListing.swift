import ArgumentParser
import ThalwegClient
import ThalwegModel
import ThalwegText

struct ProgramListing: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "List the programs that run.")

    @OptionGroup var access: ServerAccess

    func run() async throws {
        try await access.withClient { client in
            let programs = try await client.programs()
            if access.json {
                for program in programs { writeLine(ProgramText.json(program).text) }
                return
            }
            var table = Table(header: [
                "TOPIC", "PROGRAM", "WRITES", "REJECTED", "FAILED", "MEMORY",
            ])
            for program in programs {
                table.append([
                    program.topic, program.name, "\(program.writes)", "\(program.rejected)",
                    "\(program.failed)", "\(program.memoryBytes)",
                ])
            }
            writeLine(table.text)
        }
    }
}

struct ProgramInspect: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inspect", abstract: "Show a topic's program, what it did and what it logged.")

    @Argument var topic: String
    @OptionGroup var access: ServerAccess

    func run() async throws {
        try await access.withClient { client in
            guard let program = try await client.programs(of: topic).first else {
                throw ThalwegError(
                    .notSupported, "topic '\(topic)' has no program",
                    advice: "give it one: thalweg program deploy")
            }
            writeLine(access.json ? ProgramText.json(program).text : ProgramText.describe(program))
        }
    }
}

struct ProgramRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Take a topic's program away; its records stay.")

    @Argument var topic: String
    @OptionGroup var access: ServerAccess

    func run() async throws {
        try await access.withClient { try await $0.removeProgram(from: topic) }
    }
}
