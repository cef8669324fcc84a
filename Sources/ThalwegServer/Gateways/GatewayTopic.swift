import ThalwegModel
import ThalwegText
import ThalwegWire

/// A topic as a gateway knows it. One object: it is handed on with every command.
final class GatewayTopic: Sendable {
    let info: TopicInfo
    /// `nil` for a topic of bytes.
    let layout: RowLayout?

    let id: TopicID
    let keyKind: KeyKind
    var name: String { info.definition.name }
    var options: TopicOptions { info.definition.options }

    init(_ info: TopicInfo) throws(ThalwegError) {
        self.info = info
        id = info.id
        keyKind = info.definition.keyKind
        layout = try info.definition.schema.map { (schema) throws(ThalwegError) in
            try RowLayout(schema)
        }
    }
}

// As JSON, in one shape wherever it is told.
extension GatewayTopic {
    /// A row's fields; of a topic of bytes, the value as text.
    ///
    /// - Parameter fields: bit n: field n is told.
    func json(row: UnsafeRawBufferPointer, fields: UInt64 = .max) -> JSON {
        guard let layout else { return .string(BytesText.text(Array(row))) }
        guard fields != .max,
            case .object(let members) = RecordJSON.object(layout.decode(row), layout.schema)
        else { return RecordJSON.object(layout.decode(row), layout.schema) }
        return .object(
            members.enumerated().filter { fields & (1 << UInt64($0.offset)) != 0 }.map(\.element))
    }

    /// A key: numbers as numbers, the others as texts.
    func json(key encoded: UnsafeRawBufferPointer) throws(ThalwegError) -> JSON {
        var reader = ByteReader(encoded)
        let key = try Key(keyKind, from: &reader)
        if case .u64(let number) = key { return .unsigned(number) }
        return .string(key.description)
    }

    /// `{"key": 7, "version": 2, "offset": 3, "sources": [1], "record": {…}}`
    func json(_ record: LentRecord) throws(ThalwegError) -> JSON {
        .members([
            "key": try json(key: record.key),
            "version": .unsigned(record.version.rawValue),
            "offset": .unsigned(record.offset.rawValue),
            "sources": .array(record.sources.map { .unsigned(UInt64($0.rawValue)) }),
            "record": record.presence == .live ? json(row: record.row) : .null,
        ])
    }

    /// `{"kind": "updated", "key": 7, "offset": 92, "version": 4, "sources": [1], "changed": ["x"],
    /// "record": {…}}`, and where there is one: why it was deleted, its origin, what it was, metadata.
    func json(_ change: LentChange, fields: UInt64 = .max) throws(ThalwegError) -> JSON {
        var members = [
            JSON.Member(name: "kind", value: .string("\(change.kind)")),
            JSON.Member(name: "key", value: try json(key: change.key)),
            JSON.Member(name: "offset", value: .unsigned(change.offset.rawValue)),
            JSON.Member(name: "version", value: .unsigned(change.version.rawValue)),
            JSON.Member(
                name: "sources",
                value: .array(change.sources.map { .unsigned(UInt64($0.rawValue)) })),
            JSON.Member(name: "changed", value: changed(change.changedFields & fields)),
        ]
        func add(_ name: String, _ value: JSON) {
            members.append(JSON.Member(name: name, value: value))
        }
        if let reason = change.reason { add("reason", .string("\(reason)")) }
        if let origin = change.origin {
            add("time", .string(TimestampNotation.text(origin.time)))
            add("source", .unsigned(UInt64(origin.source.rawValue)))
        }
        if change.kind.hasRow { add("record", json(row: change.row, fields: fields)) }
        if let previous = change.previous { add("previous", json(row: previous, fields: fields)) }
        if let metadata = change.metadata {
            add("metadata", .string(RecordJSON.hexadecimal(Array(metadata))))
        }
        return .object(members)
    }

    private func changed(_ mask: UInt64) -> JSON {
        let fields = layout?.schema.fields ?? []
        return .array(
            fields.enumerated().filter { mask & (1 << UInt64($0.offset)) != 0 }
                .map { .string($0.element.name) })
    }
}
