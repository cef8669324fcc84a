import ArgumentParser
import ThalwegClient

struct TopicHashVerb: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hash",
        abstract: "Print one number for everything that a topic is.",
        discussion: """
            The same number at the same offset says that two servers, or a server and its restored \
            copy, hold the same records, sessions, history and program state.
            """)

    @Argument var name: String
    @OptionGroup var access: ServerAccess

    func run() async throws {
        try await access.withClient { client in
            let answer = try await client.hashTopic(name)
            let hash = String(answer.hash, radix: 16)
            writeLine(
                access.json
                    ? JSON.members([
                        "offset": .unsigned(answer.offset.rawValue), "hash": .string(hash),
                    ]).text
                    : "\(hash) at offset \(answer.offset)")
        }
    }
}
