import ArgumentParser
import ThalwegClient
import ThalwegModel
import ThalwegText

struct TopicCreate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Create a topic, or append fields to one.",
        discussion: """
            The same definition again changes nothing. A schema that goes on with more fields \
            migrates the topic; removing, retyping or moving a field is refused.

            Types: bool, i8 to i64, u8 to u64, f32, f64, uuid, timestamp, string(n), bytes(n), \
            [f32; 3], {name: type, ...}; each may be optional with a ?.
            """)

    @Argument(help: "1 to 255 of letters, digits and . _ -")
    var name: String

    @Option(help: "What the keys are: u64, uuid, bytes32 or string.")
    var key = "string"

    @Option(help: "The fields: 'name: string(32), x: f32'.")
    var schema: String?

    @Flag(help: "Records are opaque bytes of up to 1 MiB, without a schema.")
    var bytes = false

    @OptionGroup var options: TopicOptionFlags
    @OptionGroup var access: ServerAccess

    func validate() throws {
        if bytes == (schema != nil) {
            throw ValidationError("Give either --schema or --bytes.")
        }
        if KeyKind(name: key) == nil {
            throw ValidationError("--key is one of u64, uuid, bytes32, string.")
        }
    }

    func run() async throws {
        guard let kind = KeyKind(name: key) else { return }
        var definition = TopicDefinition(
            name: name, keyKind: kind,
            schema: try schema.map { text throws(ThalwegError) in try Schema(parsing: text) })
        // The server's own default, unless the flags say otherwise.
        definition.options.writes = .coalesced(windowMicroseconds: 0)
        try options.apply(to: &definition.options)
        try await access.withClient { client in
            let info = try await client.createTopic(definition)
            writeLine(access.json ? TopicText.json(info).text : TopicText.describe(info))
        }
    }
}
