import ArgumentParser
import ThalwegClient
import ThalwegModel
import ThalwegText

struct Sync: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make what a source asserts in a topic exactly what standard input says.",
        discussion: """
            One JSON object a line, as 'scan --json' prints them: {"key": 7, "record": {…}}; of a \
            topic of bytes, {"key": 7, "record": "text, or 0x and hexadecimal digits"}. All lines \
            are one epoch: what the source asserted before and is not among them is retracted at \
            the end, in one entry. Where a line is wrong, nothing is retracted.
            """)

    @Argument var topic: String
    @OptionGroup var identity: WriterIdentity
    @OptionGroup var access: ServerAccess

    func run() async throws {
        try await access.withClient(identity.claim) { client in
            let topic = try await client.topic(topic)
            let count = try await client.epoch(topic) {
                var count = 0
                var batch = Batch(topic, acknowledgement: .committed)
                while let line = readLine() {
                    guard !line.isEmpty else { continue }
                    count += 1
                    let (key, row) = try Sync.record(line, topic, number: count)
                    try batch.assert(key, row: row)
                    if batch.byteCount > 1 << 20 { try await Sync.write(&batch, client) }
                }
                if batch.count > 0 { try await Sync.write(&batch, client) }
                return count
            }
            writeLine(
                access.json
                    ? JSON.members(["records": .unsigned(UInt64(count))]).text
                    : "\(count) records")
        }
    }

    private static func write(_ batch: inout Batch, _ client: ThalwegClient) async throws {
        let answer = try await client.write(&batch)
        guard answer.isFullyApplied else {
            throw ThalwegError(
                .notCommitted, "the server refused some of the records",
                advice: "put them one by one to see which, and why")
        }
    }

    private static func record(
        _ line: String, _ topic: Topic, number: Int
    ) throws -> (Key, [UInt8]) {
        guard case .object(let members) = try JSON(parsing: line),
            let key = members.first(where: { $0.name == "key" })?.value,
            let record = members.first(where: { $0.name == "record" })?.value
        else {
            throw ThalwegError(
                .invalidRow, "line \(number) is not an object with a key and a record",
                advice: "write lines as 'thalweg scan --json' prints them")
        }
        var text = key.text
        if case .string(let string) = key { text = string }
        let name = try Key(topic.keyKind, text: text)
        if let layout = topic.layout {
            return (name, try layout.encode(try RecordJSON.values(record, layout.schema)))
        }
        guard case .string(let value) = record else {
            throw ThalwegError(
                .invalidRow, "line \(number) has a record that is no string",
                advice: "write the value of a topic of bytes as text, or as 0x and digits")
        }
        return (name, try BytesText.bytes(value))
    }
}
