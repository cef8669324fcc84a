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
        func told(_ row: [UInt8]?) throws(ThalwegError) -> JSON? {
            guard let row else { return nil }
            return try record(row, topic, fields)
        }
        return RecordJSON.change(
            change.kind, change.key, offset: change.offset, version: change.version,
            sources: change.sources, changed: change.changedFields & fields,
            of: topic.definition.schema, reason: change.reason, origin: change.origin,
            record: try told(change.row), previous: try told(change.previous),
            metadata: change.metadata)
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

    /// Only the fields that were asked for: the others are not what the record holds.
    private static func record(
        _ row: [UInt8], _ topic: Topic, _ fields: UInt64
    ) throws(ThalwegError) -> JSON {
        guard let schema = topic.definition.schema else {
            return RecordText.value(row)
        }
        return RecordJSON.select(try topic.values(of: row), schema, fields)
    }
}
