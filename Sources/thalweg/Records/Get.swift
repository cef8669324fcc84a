import ArgumentParser
import ThalwegClient
import ThalwegModel
import ThalwegText

struct Get: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Read records by key.",
        discussion: "Ends with status 1 where one of them does not exist.")

    @Argument var topic: String

    @Argument(help: "Keys as the topic has them: numbers, uuids, 64 hex digits, or text.")
    var keys: [String]

    @Option(help: "Wait until this offset is applied: what a write answered.")
    var notBefore: UInt64 = 0

    @Option(help: "As it was at this offset or time, where the topic keeps a history.")
    var asOf: String?

    @OptionGroup var access: ServerAccess

    func run() async throws {
        let isWhole = try await access.withClient { client in
            let topic = try await client.topic(topic)
            let keys = try keys.map { text throws(ThalwegError) in
                try Key(topic.keyKind, text: text)
            }
            let answer =
                if let asOf {
                    try await client.get(topic, many: keys, at: try PlaceText.point(asOf))
                } else {
                    try await client.get(topic, many: keys, notBefore: Offset(notBefore))
                }
            let pairs = zip(keys, answer.records).map { (key: $0, record: $1) }
            if access.json {
                for pair in pairs {
                    writeLine(try RecordText.json(pair.key, pair.record, topic).text)
                }
            } else {
                writeLine(try RecordText.table(pairs, topic))
            }
            return !answer.records.contains { $0 == nil }
        }
        if !isWhole { throw ExitCode(1) }
    }
}
