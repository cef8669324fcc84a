import ArgumentParser
import ThalwegModel
import ThalwegServer

/// How a topic treats its writes, as flags: those that are left out change nothing.
struct TopicOptionFlags: ParsableArguments {
    @Option(help: "The time over which writes to a record are merged: 20ms.")
    var window: String?

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
        if let ttl {
            options.timeToLiveMicroseconds = try DurationNotation.microseconds(ttl, of: "--ttl")
        }
        if let tombstones {
            options.tombstoneRetentionMicroseconds = try DurationNotation.microseconds(
                tombstones, of: "--tombstones")
        }
    }

    var isEmpty: Bool { window == nil && ttl == nil && tombstones == nil }
}
