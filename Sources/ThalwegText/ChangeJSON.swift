package import ThalwegModel
package import ThalwegWire

// Records and changes in one shape wherever they are told: by the command, over HTTP, to Redis clients.
extension RecordJSON {
    /// A key: a number as a number, the others as texts.
    package static func json(_ key: Key) -> JSON {
        if case .u64(let number) = key { return .unsigned(number) }
        return .string(key.description)
    }

    /// A row's fields; of a topic of bytes, which has no layout, its value as text.
    ///
    /// - Parameter fields: bit n: field n is told.
    package static func json(
        row: UnsafeRawBufferPointer, _ layout: RowLayout?, fields: UInt64 = .max
    ) -> JSON {
        guard let layout else { return .string(BytesText.text(Array(row))) }
        return select(layout.decode(row), layout.schema, fields)
    }

    /// The same of a row that is decoded.
    package static func select(_ values: [Value], _ schema: Schema, _ fields: UInt64) -> JSON {
        let object = object(values, schema)
        guard fields != .max, case .object(let members) = object else { return object }
        return .object(
            members.enumerated().filter { fields & (1 << UInt64($0.offset)) != 0 }.map(\.element))
    }

    /// `{"key": 7, "version": 2, "offset": 3, "sources": [1], "record": {…}}`
    package static func record(
        _ key: Key, version: RecordVersion, offset: Offset, sources: some Sequence<SourceID>,
        _ record: JSON
    ) -> JSON {
        .members([
            "key": json(key), "version": .unsigned(version.rawValue),
            "offset": .unsigned(offset.rawValue), "sources": json(sources), "record": record,
        ])
    }

    /// `{"kind": "updated", "key": 7, "offset": 92, "version": 4, "sources": [1], "changed": ["x"],
    /// "record": {…}}`, and where there is one: why it was deleted, its origin, what it was, metadata.
    ///
    /// - Parameter changed: bit n: field n of `schema` changed, and is told.
    package static func change(
        _ kind: ChangeKind, _ key: Key, offset: Offset, version: RecordVersion,
        sources: some Sequence<SourceID>, changed: UInt64, of schema: Schema?,
        reason: DeletionReason?, origin: ChangeOrigin?, record: JSON?, previous: JSON?,
        metadata: (some Collection<UInt8>)?
    ) -> JSON {
        var members: [JSON.Member] = []
        func add(_ name: String, _ value: JSON?) {
            if let value { members.append(JSON.Member(name: name, value: value)) }
        }
        add("kind", .string("\(kind)"))
        add("key", json(key))
        add("offset", .unsigned(offset.rawValue))
        add("version", .unsigned(version.rawValue))
        add("sources", json(sources))
        add("changed", names(changed, schema))
        add("reason", reason.map { .string("\($0)") })
        add("time", origin.map { .string(TimestampNotation.text($0.time)) })
        add("source", origin.map { .unsigned(UInt64($0.source.rawValue)) })
        add("record", record)
        add("previous", previous)
        add("metadata", metadata.map { .string(hexadecimal(Array($0))) })
        return .object(members)
    }

    private static func json(_ sources: some Sequence<SourceID>) -> JSON {
        .array(sources.map { .unsigned(UInt64($0.rawValue)) })
    }

    private static func names(_ mask: UInt64, _ schema: Schema?) -> JSON {
        .array(
            (schema?.fields ?? []).enumerated().filter { mask & (1 << UInt64($0.offset)) != 0 }
                .map { .string($0.element.name) })
    }
}

extension SubscriptionStart {
    /// Reads `start`, `now` and an offset; `nil` for anything else.
    package init?(text: String) {
        switch text {
        case "start": self = .start
        case "now": self = .now
        default:
            guard let offset = UInt64(text), offset <= Limits.offset else { return nil }
            self = .after(Offset(offset))
        }
    }
}
