import ArgumentParser
import ThalwegClient
import ThalwegModel
import ThalwegText
import ThalwegWire

struct Count: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Count a topic's records, or those that match.")

    @Argument var topic: String

    @Option(help: "Only records that match, such as 'health < 20 and region == \"eu\"'.")
    var filter = ""

    @Option(help: "Wait until this offset is applied: what a write answered.")
    var notBefore: UInt64 = 0

    @OptionGroup var access: ServerAccess

    func run() async throws {
        try await access.withClient { client in
            let topic = try await client.topic(topic)
            let counted = try await client.count(
                topic, filter: filter, notBefore: Offset(notBefore))
            writeLine(
                access.json
                    ? JSON.members([
                        "count": .unsigned(counted.count),
                        "offset": .unsigned(counted.applied.rawValue),
                    ]).text
                    : "\(counted.count)")
        }
    }
}
