import ThalwegClient
import ThalwegModel
import ThalwegText

/// What the verbs print of records and of writes.
enum RecordText {
    /// The value of a topic of bytes.
    static func value(_ bytes: [UInt8]) -> JSON { .string(BytesText.text(bytes)) }

    /// A record's fields as JSON; of a topic of bytes, its value.
    static func fields(_ record: StoredRecord, _ topic: Topic) throws(ThalwegError) -> JSON {
        guard let schema = topic.definition.schema else {
            return value(record.row)
        }
        return RecordJSON.object(try topic.values(of: record.row), schema)
    }

    static func json(
        _ key: Key, _ record: StoredRecord?, _ topic: Topic
    ) throws(ThalwegError) -> JSON {
        guard let record else {
            return .members(["key": RecordJSON.json(key), "record": .null])
        }
        return RecordJSON.record(
            key, version: record.version, offset: record.offset, sources: record.sources,
            try fields(record, topic))
    }

    /// One line for each record: its key, version, offset, and a column for each field.
    static func table(
        _ records: [(key: Key, record: StoredRecord?)], _ topic: Topic
    ) throws(ThalwegError) -> String {
        let names = topic.definition.schema?.fields.map(\.name) ?? ["VALUE"]
        var table = Table(header: ["KEY", "VERSION", "OFFSET"] + names)
        for (key, record) in records {
            guard let record else {
                table.append(["\(key)"] + Array(repeating: "-", count: names.count + 2))
                continue
            }
            var cells: [String]
            if case .object(let members) = try fields(record, topic) {
                cells = members.map { cell($0.value) }
            } else {
                cells = [BytesText.text(record.row)]
            }
            cells.insert(contentsOf: ["\(key)", "\(record.version)", "\(record.offset)"], at: 0)
            table.append(cells.map(oneLine))
        }
        return table.text
    }

    static func text(_ result: WriteResult, json: Bool) -> String {
        let verdict = "\(result.verdict)"
        guard json else {
            return "\(verdict): version \(result.version), offset \(result.offset)"
        }
        return JSON.members([
            "verdict": .string(verdict),
            "version": .unsigned(result.version.rawValue),
            "offset": .unsigned(result.offset.rawValue),
        ]).text
    }

    private static func cell(_ value: JSON) -> String {
        if case .string(let text) = value { return text }
        return value.text
    }

    /// Control characters would break the table, or the terminal.
    static func oneLine(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 ? " " : $0 }))
    }
}
