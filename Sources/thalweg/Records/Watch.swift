import ArgumentParser
import ThalwegClient
import ThalwegModel
import ThalwegText

struct Watch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print what changes in a topic, as it happens.",
        discussion: """
            Begins with the records there are, unless told otherwise, and goes on until it is \
            interrupted. A lost connection is repaired: what changed meanwhile arrives, each \
            record once.
            """)

    @Argument var topic: String

    @Option(help: "Where to begin: start, now, or an offset seen before.")
    var from = "start"

    @Option(help: "Say \"caught up\" only when this offset has come: what a write answered.")
    var notBefore: UInt64 = 0

    @Option(help: "Only records that match, such as 'health < 20 and region == \"eu\"'.")
    var filter = ""

    @Option(help: "Only these fields, separated by commas; changes of others are not told.")
    var fields: String?

    @Option(help: "At most one delivery in so many windows.")
    var pace = 1

    @Flag(help: "Each change of the topic's history, none left out.")
    var every = false

    @Flag(help: "With the record as it was before, where that is known.")
    var previous = false

    @Option(help: "End after so many changes.")
    var limit: Int?

    @OptionGroup var access: ServerAccess

    func validate() throws {
        guard (1...Int(UInt16.max)).contains(pace) else {
            throw ValidationError("--pace is at least 1 and at most \(UInt16.max).")
        }
        guard limit.map({ $0 >= 1 }) ?? true else {
            throw ValidationError("--limit is at least 1.")
        }
    }

    func run() async throws {
        let start = try Watch.start(from)
        var options = ClientOptions(name: "thalweg", source: .readOnly)
        options.tls = access.tls.options
        let client = try await ThalwegClient.connect(to: access.address, options: options)
        let topic = try await client.topic(topic)
        let wanted = try Watch.mask(fields, topic)
        let subscription = try await client.subscribe(
            topic, notBefore: Offset(notBefore), from: start, deliver: every ? .every : .latest,
            filter: filter, fields: wanted, includePrevious: previous, pace: pace)
        var left = limit ?? .max
        while left > 0, let delivery = try await subscription.next() {
            if delivery.isReset { note("starting over", delivery) }
            let changes = Array(try delivery.changes().prefix(left))
            try ChangeText.write(changes, topic, fields: wanted, json: access.json)
            left -= changes.count
            if delivery.isCaughtUp { note("caught up", delivery) }
        }
        try await client.close()
    }

    private func note(_ what: String, _ delivery: Delivery) {
        write("\(what) at offset \(delivery.resumeOffset)\n", to: .error)
    }

    static func start(_ text: String) throws(ThalwegError) -> SubscriptionStart {
        guard let start = SubscriptionStart(text: text) else {
            throw ThalwegError(
                .invalidConfiguration, "'\(text)' is no place to begin",
                advice: "write start, now, or an offset")
        }
        return start
    }

    /// Bit n: field n is named. Throws `invalid_configuration` for a field that is not there.
    static func mask(_ text: String?, _ topic: Topic) throws(ThalwegError) -> UInt64 {
        guard let text else { return .max }
        let names = topic.definition.schema?.fields.map(\.name) ?? []
        var mask: UInt64 = 0
        for name in text.split(separator: ",") {
            guard let number = names.firstIndex(of: String(name)) else {
                throw ThalwegError(
                    .invalidConfiguration, "topic '\(topic.name)' has no field '\(name)'",
                    advice: names.isEmpty
                        ? "it is a topic of bytes"
                        : "its fields are "
                            + names.joined(separator: ", "))
            }
            mask |= 1 << UInt64(number)
        }
        return mask
    }
}
