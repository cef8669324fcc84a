/// How the server's own log lines are written.
public enum LogLineFormat: String, Hashable, Sendable, CaseIterable {
    /// Text where the standard error is a terminal, else JSON.
    case automatic
    /// Lines for people.
    case text
    /// One JSON object a line.
    case json
}
