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
        try texts.apply(to: &options)
    }

    var isEmpty: Bool { texts.isEmpty }

    private var texts: TopicOptionTexts {
        var texts = TopicOptionTexts()
        texts.window = window
        texts.writes = writes
        texts.history = history
        texts.ttl = ttl
        texts.tombstones = tombstones
        return texts
    }
}
