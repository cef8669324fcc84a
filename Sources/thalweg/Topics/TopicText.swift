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
        table.append(["writes", TopicJSON.writes(definition.options)])
        table.append(["history", TopicJSON.history(definition.options)])
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

    static func json(_ info: TopicInfo) -> JSON { TopicJSON.json(info) }
}
