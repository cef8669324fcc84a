import ThalwegClient
import ThalwegModel
import ThalwegText

/// What `watch` prints of a change.
enum ChangeText {
    /// `updated 17 at 92, version 4: {"health": 80}`
    static func line(
        _ change: Change, _ topic: Topic, fields: UInt64
    ) throws(ThalwegError) -> String {
        var line = "\(change.kind) \(change.key) at \(change.offset), version \(change.version)"
        if let reason = change.reason { line += " (\(reason))" }
        if let row = change.row { line += ": \(try record(row, topic, fields).text)" }
        if let origin = change.origin {
            line = "\(TimestampNotation.text(origin.time)) source \(origin.source) " + line
        }
        if let previous = change.previous {
            line += " was \(try record(previous, topic, fields).text)"
        }
        return line
    }

    static func json(
        _ change: Change, _ topic: Topic, fields: UInt64
    ) throws(ThalwegError) -> JSON {
        var members = [
            JSON.Member(name: "kind", value: .string("\(change.kind)")),
            JSON.Member(name: "key", value: RecordText.json(change.key)),
            JSON.Member(name: "offset", value: .unsigned(change.offset.rawValue)),
            JSON.Member(name: "version", value: .unsigned(change.version.rawValue)),
            JSON.Member(
                name: "sources",
                value: .array(change.sources.map { .unsigned(UInt64($0.rawValue)) })),
            JSON.Member(name: "changed", value: changed(change, topic, fields)),
        ]
        if let reason = change.reason {
            members.append(JSON.Member(name: "reason", value: .string("\(reason)")))
        }
        if let origin = change.origin {
            members.append(
                JSON.Member(name: "time", value: .string(TimestampNotation.text(origin.time))))
            members.append(
                JSON.Member(name: "source", value: .unsigned(UInt64(origin.source.rawValue))))
        }
        if let row = change.row {
            members.append(JSON.Member(name: "record", value: try record(row, topic, fields)))
        }
        if let previous = change.previous {
            members.append(
                JSON.Member(name: "previous", value: try record(previous, topic, fields)))
        }
        if let metadata = change.metadata {
            members.append(
                JSON.Member(name: "metadata", value: .string(RecordJSON.hexadecimal(metadata))))
        }
        return .object(members)
    }

    /// Prints changes, one a line.
    static func write(
        _ changes: [Change], _ topic: Topic, fields: UInt64, json: Bool
    ) throws(ThalwegError) {
        var lines: [String] = []
        for change in changes {
            lines.append(
                json
                    ? try self.json(change, topic, fields: fields).text
                    : try line(change, topic, fields: fields))
        }
        if !lines.isEmpty { writeLine(lines.joined(separator: "\n")) }
    }

    /// The names of the fields that changed.
    private static func changed(_ change: Change, _ topic: Topic, _ wanted: UInt64) -> JSON {
        let fields = topic.definition.schema?.fields ?? []
        let mask = change.changedFields & wanted
        return .array(
            fields.enumerated().filter { mask & (1 << UInt64($0.offset)) != 0 }
                .map { .string($0.element.name) })
    }

    /// Only the fields that were asked for: the others are not what the record holds.
    private static func record(
        _ row: [UInt8], _ topic: Topic, _ fields: UInt64
    ) throws(ThalwegError) -> JSON {
        guard let schema = topic.definition.schema else {
            return RecordText.value(row)
        }
        guard case .object(let members) = RecordJSON.object(try topic.values(of: row), schema)
        else { return .null }
        return .object(
            members.enumerated().filter { fields & (1 << UInt64($0.offset)) != 0 }
                .map(\.element))
    }
}
