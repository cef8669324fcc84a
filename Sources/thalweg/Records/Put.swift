import ArgumentParser
import ThalwegClient
import ThalwegModel
import ThalwegText

struct Put: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write a record, or some of its fields.",
        discussion: """
            The record is a JSON object with every field that is not optional: \
            '{"name": "Ada", "x": 1.5}'. On a topic of bytes it is the value itself, or with --hex its \
            bytes as digits: e803000000000000 is 1000 as an i64.
            """)

    @Argument var topic: String
    @Argument var key: String

    @Argument(help: "A JSON object, or the value.")
    var record: String

    @Flag(help: "The value is hexadecimal digits.")
    var hex = false

    @Flag(help: "Write only the fields that the object names.")
    var patch = false

    @Option(help: "Text that is kept with the change.")
    var metadata: String?

    @OptionGroup var condition: WriteConditionFlags
    @OptionGroup var identity: WriterIdentity
    @OptionGroup var access: ServerAccess

    func run() async throws {
        try await access.withClient(identity.claim) { client in
            let topic = try await client.topic(topic)
            let key = try Key(topic.keyKind, text: key)
            let metadata = metadata.map { Array($0.utf8) }
            let result: WriteResult
            if let layout = topic.layout {
                guard !hex else {
                    throw ThalwegError(
                        .invalidRow, "topic '\(topic.name)' has a schema",
                        advice: "write a JSON object with its fields")
                }
                let json = try JSON(parsing: record)
                if patch {
                    let (mask, values) = try layout.encodePatch(
                        try RecordJSON.patch(json, layout.schema))
                    result = try await client.patch(
                        topic, key, mask: mask, values: values, if: condition.condition,
                        metadata: metadata)
                } else {
                    result = try await client.put(
                        topic, key,
                        row: try layout.encode(try RecordJSON.values(json, layout.schema)),
                        if: condition.condition, metadata: metadata)
                }
            } else {
                guard !patch else {
                    throw ThalwegError(
                        .invalidRow, "topic '\(topic.name)' has no fields to patch",
                        advice: "write the whole value")
                }
                let value = try hex ? BytesText.digits(record) : Array(record.utf8)
                result = try await client.put(
                    topic, key, row: value, if: condition.condition, metadata: metadata)
            }
            writeLine(RecordText.text(result, json: access.json))
        }
    }
}
