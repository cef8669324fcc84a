import Logging
import Synchronization

/// Remembers what was logged.
final class LogRecorder: Sendable {
    private let recorded = Mutex<[String]>([])

    var logger: Logger {
        Logger(label: "test") { _ in Handler(recorder: self) }
    }

    /// Lines of message and reason that have all of `words`.
    func lines(_ words: String...) -> [String] {
        recorded.withLock { lines in
            lines.filter { line in words.allSatisfy { line.contains($0) } }
        }
    }

    private struct Handler: LogHandler {
        let recorder: LogRecorder
        var logLevel = Logger.Level.info
        var metadata: Logger.Metadata = [:]

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let reason = event.metadata?["reason"].map { ": \($0)" } ?? ""
            recorder.recorded.withLock { $0.append("\(event.message)\(reason)") }
        }
    }
}
