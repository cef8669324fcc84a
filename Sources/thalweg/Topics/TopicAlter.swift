import ArgumentParser
import ThalwegClient
import ThalwegText

struct TopicAlter: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "alter",
        abstract: "Change a topic's options.",
        discussion: "Fields are appended with 'topic create' and the longer schema.")

    @Argument var name: String
    @OptionGroup var options: TopicOptionFlags
    @OptionGroup var access: ServerAccess

    func validate() throws {
        if options.isEmpty {
            throw ValidationError("Give at least one of --window, --ttl, --tombstones.")
        }
    }

    func run() async throws {
        try await access.withClient { client in
            var changed = try await client.describeTopic(name).definition.options
            try options.apply(to: &changed)
            try await client.alterTopic(name, options: changed)
            let info = try await client.describeTopic(name)
            writeLine(access.json ? TopicText.json(info).text : TopicText.describe(info))
        }
    }
}
