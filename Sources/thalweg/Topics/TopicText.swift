import ThalwegClient
import ThalwegModel
import ThalwegServer
import ThalwegText

/// What the verbs print of a topic.
enum TopicText {
    static func describe(_ info: TopicInfo) -> String {
        var table = Table(header: nil)
        let definition = info.definition
        table.append(["name", definition.name])
        table.append(["id", "\(info.id)"])
        table.append(["key", definition.keyKind.name])
        table.append(["schema", definition.schema.map(\.description) ?? "bytes"])
        table.append(["writes", writes(definition.options)])
        table.append(["history", history(definition.options)])
        let ttl = definition.options.timeToLiveMicroseconds
        table.append(["ttl", ttl == 0 ? "none" : DurationNotation.text(microseconds: ttl)])
        table.append([
            "tombstones",
            DurationNotation.text(
                microseconds: definition.options.tombstoneRetentionMicroseconds),
        ])
        table.append(["records", "\(info.liveRecords)"])
        table.append(["last offset", "\(info.lastOffset)"])
        table.append(["memory bytes", "\(info.memoryBytes)"])
        return table.text
    }

    static func json(_ info: TopicInfo) -> JSON {
        let definition = info.definition
        let options = definition.options
        return .members([
            "name": .string(definition.name),
            "id": .unsigned(UInt64(info.id.rawValue)),
            "key": .string(definition.keyKind.name),
            "schema": definition.schema.map { .string($0.description) } ?? .null,
            "writes": .string(writes(options)),
            "history": .string(history(options)),
            "ttl_us": .unsigned(options.timeToLiveMicroseconds),
            "tombstones_us": .unsigned(options.tombstoneRetentionMicroseconds),
            "records": .unsigned(info.liveRecords),
            "last_offset": .unsigned(info.lastOffset.rawValue),
            "memory_bytes": .unsigned(info.memoryBytes),
            "oldest_resumable_offset": .unsigned(info.oldestResumableOffset.rawValue),
        ])
    }

    private static func writes(_ options: TopicOptions) -> String {
        switch options.writes {
        case .coalesced(let window):
            "coalesced over \(DurationNotation.text(microseconds: UInt64(window)))"
        case .every: "every"
        }
    }

    private static func history(_ options: TopicOptions) -> String {
        switch options.history {
        case .none: "none"
        case .count(let count): "\(count) changes"
        case .microseconds(let duration): DurationNotation.text(microseconds: duration)
        case .forever: "forever"
        }
    }
}
