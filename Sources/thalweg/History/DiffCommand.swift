import ArgumentParser
import ThalwegClient
import ThalwegModel

struct DiffCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Print what became of each record between two places of a topic's history.",
        discussion: "Places are offsets, times such as 2026-01-31T12:00:00Z, earliest, newest.")

    @Argument var topic: String
    @Argument var from: String
    @Argument var until = "newest"

    @Option(help: "Only records that match, such as 'health < 20 and region == \"eu\"'.")
    var filter = ""

    @Option(help: "Only these fields, separated by commas; changes of others are not told.")
    var fields: String?

    @OptionGroup var access: ServerAccess

    func run() async throws {
        try await access.withClient { client in
            let topic = try await client.topic(topic)
            let wanted = try Watch.mask(fields, topic)
            let changes = try await client.difference(
                topic, from: try PlaceText.point(from), until: try PlaceText.point(until),
                filter: filter, fields: wanted)
            try ChangeText.write(changes, topic, fields: wanted, json: access.json)
        }
    }
}
