import ArgumentParser
import ThalwegClient
import ThalwegModel
import ThalwegText

struct Scan: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print a topic's records, or those that match.")

    @Argument var topic: String

    @Option(help: "Only records that match, such as 'health < 20 and region == \"eu\"'.")
    var filter = ""

    @Flag(help: "In order of last change, which is cheaper for the server, not of key.")
    var byChange = false

    @Option(help: "End after so many records.")
    var limit: Int?

    @Option(help: "Wait until this offset is applied: what a write answered.")
    var notBefore: UInt64 = 0

    @Option(help: "As they were at this offset or time, where the topic keeps a history.")
    var asOf: String?

    @OptionGroup var access: ServerAccess

    func run() async throws {
        try await access.withClient { client in
            let topic = try await client.topic(topic)
            var left = limit ?? .max
            var token: [UInt8] = []
            var place = try asOf.map(PlaceText.point)
            repeat {
                let page: ScanPage
                if let point = place {
                    page = try await client.scan(
                        topic, at: point, filter: filter, order: byChange ? .change : .key,
                        limit: min(left, 1_000), resumeToken: token,
                        notBefore: Offset(notBefore))
                    place = .offset(page.applied)
                } else {
                    page = try await client.scan(
                        topic, filter: filter, order: byChange ? .change : .key,
                        limit: min(left, 1_000), resumeToken: token,
                        notBefore: Offset(notBefore))
                }
                let pairs = page.records.prefix(left).map {
                    (key: $0.key, record: Optional($0))
                }
                left -= pairs.count
                token = page.nextToken
                guard !pairs.isEmpty else { continue }
                if access.json {
                    writeLine(
                        try pairs.map { try RecordText.json($0.key, $0.record, topic).text }
                            .joined(separator: "\n"))
                } else {
                    writeLine(try RecordText.table(pairs, topic))
                }
            } while !token.isEmpty && left > 0
        }
    }
}
