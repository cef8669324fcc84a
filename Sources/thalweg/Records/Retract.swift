import ArgumentParser
import ThalwegClient
import ThalwegModel

struct Retract: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Stop asserting a record; it is deleted when nobody asserts it.")

    @Argument var topic: String
    @Argument var key: String

    @OptionGroup var condition: WriteConditionFlags
    @OptionGroup var identity: WriterIdentity
    @OptionGroup var access: ServerAccess

    func run() async throws {
        try await access.withClient(identity.claim) { client in
            let topic = try await client.topic(topic)
            let result = try await client.retract(
                topic, try Key(topic.keyKind, text: key), if: condition.condition)
            writeLine(RecordText.text(result, json: access.json))
        }
    }
}
