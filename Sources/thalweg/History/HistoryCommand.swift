import ArgumentParser
import ThalwegClient
import ThalwegModel

struct HistoryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "history",
        abstract: "Print changes of a topic that keeps its history, oldest first.",
        discussion: """
            Who changed a field of a record, and when: \
            thalweg history players --key 7 --fields health
            """)

    @Argument var topic: String

    @Option(help: "Changes of this record only.")
    var key: String?

    @Option(help: "Behind this offset.")
    var after: UInt64?

    @Option(help: "Behind this time: 2026-01-31T12:00:00Z.")
    var since: String?

    @Option(help: "Up to this offset or time.")
    var until = "newest"

    @Option(help: "Only records that match, such as 'health < 20 and region == \"eu\"'.")
    var filter = ""

    @Option(help: "Only these fields, separated by commas; changes of others are not told.")
    var fields: String?

    @Flag(help: "With the record as it was before.")
    var previous = false

    @Option(help: "End after so many changes.")
    var limit: Int?

    @OptionGroup var access: ServerAccess

    func validate() throws {
        guard after == nil || since == nil else {
            throw ValidationError("Give either --after or --since.")
        }
    }

    func run() async throws {
        try await access.withClient { client in
            let topic = try await client.topic(topic)
            let wanted = try Watch.mask(fields, topic)
            let key = try key.map { text throws(ThalwegError) in
                try Key(topic.keyKind, text: text)
            }
            var place = try (since ?? after.map { "\($0)" }).map(PlaceText.point) ?? .earliest
            let end = try PlaceText.point(until)
            var left = limit ?? .max
            while left > 0 {
                let page = try await client.history(
                    topic, after: place, until: end, key: key, filter: filter, fields: wanted,
                    limit: min(left, 1_000), includePrevious: previous)
                try ChangeText.write(page.changes, topic, fields: wanted, json: access.json)
                left -= page.changes.count
                if page.isComplete { return }
                place = .offset(page.reached)
            }
        }
    }
}
