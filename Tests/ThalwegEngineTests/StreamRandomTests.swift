import Testing
import ThalwegModel
import ThalwegWire

@testable import ThalwegEngine

/// A leader, a follower with another hash, and the naive stream must agree on answers, records and
/// history, through repeated batches, lost numbers, epochs, groups in flight, leaderships that end,
/// snapshots and migrations.
@Suite struct StreamRandomTests {
    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func aStreamIsWhatTheNaiveOneSays(seed: UInt64) throws {
        var run = try StreamRun(seed: seed)
        for _ in 0..<2_500 { try run.step() }
        try run.compare()
        #expect(run.library.opened > 0, "seed \(seed): a snapshot has named a stored chunk")
        let least = [
            "truncation": 3, "repeated": 20, "refused number": 5, "step down": 3,
            "epoch begun": 20, "epoch abandoned": 2, "epoch ended": 5,
            "retracted by an epoch": 2,
        ]
        for (what, count) in least {
            #expect(run.counts[what, default: 0] >= count, "seed \(seed): \(what)")
        }
    }
}

extension Partition {
    /// Every change of the history behind `offset`, as a subscriber gets it.
    func readHistory(_ topic: TopicID, after offset: UInt64) throws -> [NaiveChange] {
        var position = FeedPosition.tail(Offset(offset))
        var writer = ChangesWriter()
        var changes: [NaiveChange] = []
        let query = FeedQuery(includesPrevious: true, tellsEvery: true)
        let kind = try describe(topic).definition.keyKind
        while true {
            writer.begin(topic)
            let progress = try encodeChanges(
                topic, at: &position, query: query, limitBytes: 500, into: &writer)
            let payload = writer.finish(
                [], resume: progress.reached, completeAt: progress.completeAt
            ).payload
            var cursor = try ChangeCursor(payload, kind: kind)
            while let change = try cursor.next() {
                changes.append(NaiveChange(change))
            }
            if progress.isAtTail { return changes }
        }
    }
}

extension NaiveChange {
    init(_ change: LentChange) {
        self.init(
            kind: change.kind, key: Array(change.key), offset: change.offset.rawValue,
            version: change.version.rawValue, row: Array(change.row),
            previous: change.previous.map { Array($0) },
            metadata: change.metadata.map { Array($0) },
            sources: change.sources.map(\.rawValue), source: change.origin?.source.rawValue ?? 0,
            time: 0)
    }
}
