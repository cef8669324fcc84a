import ArgumentParser
import ThalwegClient
import ThalwegText

struct TopicDescribe: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "describe", abstract: "Show a topic's schema, options and figures.")

    @Argument var name: String
    @OptionGroup var access: ServerAccess

    func run() async throws {
        try await access.withClient { client in
            let info = try await client.describeTopic(name)
            writeLine(access.json ? TopicText.json(info).text : TopicText.describe(info))
        }
    }
}
