import ArgumentParser
import ThalwegModel
import ThalwegServer

/// How a topic treats its writes, as flags: those that are left out change nothing.
struct TopicOptionFlags: ParsableArguments {
    @Option(help: "The time over which writes to a record are merged: 20ms.")
    var window: String?

    @Option(help: "coalesced, or every: each write is a change of its own.")
    var writes: String?

    @Option(help: "How far back changes can be read one by one: none, 100000, 24h, forever.")
    var history: String?

    @Option(help: "Delete what nobody asserted for this long: 1h; 0 is never.")
    var ttl: String?

    @Option(help: "How long deleted records are remembered: 5m.")
    var tombstones: String?

    /// Throws `invalid_configuration` or `invalid_options`.
    func apply(to options: inout TopicOptions) throws(ThalwegError) {
        if let window {
            let microseconds = try DurationNotation.microseconds(window, of: "--window")
            guard (1_000...60_000_000).contains(microseconds) else {
                throw ThalwegError(
                    .invalidOptions, "a window of \(window) is not possible",
                    advice: "choose a window between 1ms and 60s", limit: 60_000_000,
                    value: microseconds)
            }
            options.writes = .coalesced(windowMicroseconds: UInt32(microseconds))
        }
        if let writes {
            options.writes = try TopicOptionFlags.writes(writes, options.writes, window)
        }
        if let history { options.history = try TopicOptionFlags.history(history) }
        if let ttl {
            options.timeToLiveMicroseconds = try DurationNotation.microseconds(ttl, of: "--ttl")
        }
        if let tombstones {
            options.tombstoneRetentionMicroseconds = try DurationNotation.microseconds(
                tombstones, of: "--tombstones")
        }
    }

    var isEmpty: Bool {
        window == nil && writes == nil && history == nil && ttl == nil && tombstones == nil
    }

    private static func writes(
        _ text: String, _ present: TopicOptions.Writes, _ window: String?
    ) throws(ThalwegError) -> TopicOptions.Writes {
        switch text {
        case "every":
            guard window == nil else {
                throw ThalwegError(
                    .invalidOptions, "a topic that keeps every write has no window",
                    advice: "leave out --window")
            }
            return .every
        case "coalesced":
            if case .coalesced = present { return present }
            return .coalesced(windowMicroseconds: 0)
        default:
            throw ThalwegError(
                .invalidConfiguration, "'\(text)' is no way to treat writes",
                advice: "write coalesced or every")
        }
    }

    private static func history(_ text: String) throws(ThalwegError) -> TopicOptions.History {
        switch text {
        case "none": return .none
        case "forever": return .forever
        default:
            if let count = UInt64(text) { return .count(count) }
            return .microseconds(try DurationNotation.microseconds(text, of: "--history"))
        }
    }
}
