import ArgumentParser
import ThalwegClient
import ThalwegText

struct TopicTruncate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "truncate", abstract: "Delete all records of a topic and keep the topic.")

    @Argument var name: String
    @OptionGroup var access: ServerAccess

    func run() async throws {
        try await access.withClient { client in
            try await client.truncateTopic(name)
            writeLine(
                access.json
                    ? JSON.members(["truncated": .string(name)]).text
                    : "topic '\(name)' is empty")
        }
    }
}
