import NIOCore
import ThalwegEngine
import ThalwegModel
import ThalwegWire

/// What a topic has and did.
struct TopicFigures: Sendable {
    let id: TopicID
    let name: String
    let records: UInt64
    let tombstones: UInt64
    let bytes: UInt64
    let subscriptions: UInt64
    let counts: TopicCounts
}

/// What only rises.
struct TopicCounts: Hashable, Sendable {
    var writes: UInt64 = 0
    var unchanged: UInt64 = 0
    var invalid: UInt64 = 0
    var changes: UInt64 = 0
    var entries: UInt64 = 0
    var entryBytes: UInt64 = 0

    /// Adds what was counted between `before` and `after`. One that fell began anew.
    mutating func add(_ before: TopicCounts, _ after: TopicCounts) {
        for path in [
            \TopicCounts.writes, \.unchanged, \.invalid, \.changes, \.entries, \.entryBytes,
        ] {
            let (old, new) = (before[keyPath: path], after[keyPath: path])
            self[keyPath: path] += new >= old ? new - old : new
        }
    }
}

extension TopicCounts {
    init(_ reading: TopicReading) {
        let counters = reading.counters
        self.init(
            writes: counters.writes, unchanged: counters.unchanged, invalid: counters.invalid,
            changes: reading.lastOffset.rawValue, entries: counters.entries,
            entryBytes: counters.entryBytes)
    }
}

/// What one event loop has and did.
struct LoopFigures: Sendable {
    let number: Int
    var topics: [TopicFigures] = []
    var feeds = SubscriptionFigures()
    /// Frames by the number of their type.
    var requests: [UInt64] = []
    var commits = DurationHistogram()
    var writingNanoseconds: UInt64 = 0
    var deliveringNanoseconds: UInt64 = 0
    /// How long the question waited for the loop.
    var answerNanoseconds: UInt64 = 0
}

extension PartitionLoop {
    /// Topics that are looked at in one turn of the loop: writes and reads come between them.
    private static let topicsInATurn = 32

    /// Tells what this loop has and did. Callable from any thread; `done` is called on the loop.
    func tell(_ done: @escaping @Sendable (LoopFigures) -> Void) {
        let asked = SubscriptionHub.now
        loop.execute { [self] in
            var figures = LoopFigures(number: number)
            figures.answerNanoseconds = UInt64(max(0, SubscriptionHub.now - asked))
            figures.feeds = subscriptions.figures
            figures.requests = requests.all
            figures.commits = latency.histogram
            figures.writingNanoseconds = UInt64(subscriptions.budget.workedInAll)
            figures.deliveringNanoseconds = UInt64(subscriptions.budget.deliveredInAll)
            tell(partition.topicIDs[...], LoopTelling(figures), done)
        }
    }

    private func tell(
        _ topics: ArraySlice<TopicID>, _ telling: LoopTelling,
        _ done: @escaping @Sendable (LoopFigures) -> Void
    ) {
        for topic in topics.prefix(Self.topicsInATurn) {
            if let figures = figures(of: topic) { telling.figures.topics.append(figures) }
        }
        let rest = topics.dropFirst(Self.topicsInATurn)
        guard !rest.isEmpty else { return done(telling.figures) }
        loop.execute { [self] in tell(rest, telling, done) }
    }

    /// `nil` where it was dropped meanwhile.
    private func figures(of topic: TopicID) -> TopicFigures? {
        guard let reading = try? partition.describe(topic) else { return nil }
        let readers = subscriptions.topics[topic]?.groups.values.reduce(0) { $0 + $1.members }
        return TopicFigures(
            id: topic, name: reading.definition.name, records: UInt64(reading.liveRecords),
            tombstones: UInt64(reading.tombstones), bytes: UInt64(reading.bytes),
            subscriptions: UInt64(readers ?? 0), counts: TopicCounts(reading))
    }
}

/// What is gathered over several turns. Only its loop touches it.
private final class LoopTelling: @unchecked Sendable {
    var figures: LoopFigures

    init(_ figures: LoopFigures) {
        self.figures = figures
    }
}
