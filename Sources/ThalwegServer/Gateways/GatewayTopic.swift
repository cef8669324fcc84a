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

// As JSON.
extension GatewayTopic {
    func key(_ encoded: UnsafeRawBufferPointer) throws(ThalwegError) -> Key {
        var reader = ByteReader(encoded)
        return try Key(keyKind, from: &reader)
    }

    func json(_ record: LentRecord) throws(ThalwegError) -> JSON {
        RecordJSON.record(
            try key(record.key), version: record.version, offset: record.offset,
            sources: record.sources,
            record.presence == .live ? RecordJSON.json(row: record.row, layout) : .null)
    }

    /// - Parameter fields: bit n: field n is told.
    func json(_ change: LentChange, fields: UInt64 = .max) throws(ThalwegError) -> JSON {
        RecordJSON.change(
            change.kind, try key(change.key), offset: change.offset, version: change.version,
            sources: change.sources, changed: change.changedFields & fields, of: layout?.schema,
            reason: change.reason, origin: change.origin,
            record: change.kind.hasRow
                ? RecordJSON.json(row: change.row, layout, fields: fields) : nil,
            previous: change.previous.map { RecordJSON.json(row: $0, layout, fields: fields) },
            metadata: change.metadata)
    }
}
