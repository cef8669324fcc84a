import Foundation
import Logging
import ThalwegModel
import ThalwegText

/// Log lines as JSON objects on the standard error: `time`, `level`, `label`, `message`, and the
/// metadata under their own names.
struct JSONLogHandler: LogHandler {
    let label: String
    var logLevel = Logger.Level.info
    var metadata: Logger.Metadata = [:]

    init(label: String) {
        self.label = label
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let now = Int64(Date().timeIntervalSince1970 * 1_000_000)
        var members = [
            JSON.Member(
                name: "time", value: .string(TimestampNotation.text(Timestamp(microseconds: now)))),
            JSON.Member(name: "level", value: .string(event.level.rawValue)),
            JSON.Member(name: "label", value: .string(label)),
            JSON.Member(name: "message", value: .string("\(event.message)")),
        ]
        let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
        for (key, value) in all.sorted(by: { $0.key < $1.key }) {
            members.append(JSON.Member(name: key, value: .string("\(value)")))
        }
        // One call, so that lines of several threads do not mix.
        write(JSON.object(members).text + "\n", to: .error)
    }
}
