import ArgumentParser
import ThalwegClient
import ThalwegText

struct TopicDrop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "drop", abstract: "Delete a topic and all its records.")

    @Argument var name: String
    @OptionGroup var access: ServerAccess

    func run() async throws {
        try await access.withClient { client in
            try await client.dropTopic(name)
            writeLine(
                access.json
                    ? JSON.members(["dropped": .string(name)]).text
                    : "topic '\(name)' is dropped")
        }
    }
}
