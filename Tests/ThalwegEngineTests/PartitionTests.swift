import Testing
import ThalwegModel
import ThalwegWire

@testable import ThalwegEngine

/// One bytes topic with keys of kind `u64` and what the tests below do with it.
private struct BytesTopic {
    static let id = TopicID(1)
    static let key: [UInt8] = [1, 0, 0, 0, 0, 0, 0, 0]
    static let other: [UInt8] = [2, 0, 0, 0, 0, 0, 0, 0]

    let partition: Partition

    init(retention: UInt64 = 1_000) throws {
        partition = Partition(seed: 1)
        _ = try partition.apply(createEntry(BytesTopic.id, BytesTopic.definition(retention)))
    }

    static func definition(_ retention: UInt64) -> TopicDefinition {
        TopicDefinition(
            name: "values", keyKind: .u64, schema: nil,
            options: TopicOptions(tombstoneRetentionMicroseconds: retention))
    }

    static func put(
        _ key: [UInt8], _ value: UInt8, if condition: WriteCondition? = nil
    ) -> NaiveWrite {
        NaiveWrite(key: key, body: .assert([value]), condition: condition)
    }

    @discardableResult
    func merge(
        _ writes: NaiveWrite..., time: Int64 = 1, token: UInt64? = nil, isAtomic: Bool = false
    ) throws -> MergeOutcome {
        try partition.merge(
            BytesTopic.id, writes, time: time, token: token, isAtomic: isAtomic)
    }

    func seal(_ time: Int64 = 1) throws -> [UInt8] {
        try #require(partition.seal(BytesTopic.id, time)?.entry)
    }

    func commit(_ writes: NaiveWrite..., time: Int64 = 1) throws {
        try partition.merge(BytesTopic.id, writes, time: time)
        _ = try partition.apply(try seal(time))
    }

    func read(_ key: [UInt8]) throws -> ReadRecord? {
        try partition.read(BytesTopic.id, key)
    }

    static func delete(_ key: [UInt8]) -> NaiveWrite { NaiveWrite(key: key, body: .retract) }
}

@Suite struct PartitionTests {
    private typealias Topic = BytesTopic

    @Test func anAtomicBatchIsJudgedOnceAndThenAppliedWhole() throws {
        let topic = try Topic()
        let outcome = try topic.merge(
            Topic.put(Topic.key, 1, if: .absent), Topic.put(Topic.key, 2, if: .absent),
            isAtomic: true)
        #expect(outcome.invalid == 0 && outcome.accepted == 2)
        _ = try topic.partition.apply(try topic.seal())
        #expect(try topic.read(Topic.key)?.row == [2])
    }

    @Test func anAtomicBatchWithOneRefusedWriteChangesNothing() throws {
        let topic = try Topic()
        let outcome = try topic.merge(
            Topic.put(Topic.key, 1), Topic.put(Topic.other, 1, if: .present), isAtomic: true)
        #expect(outcome.invalid == 2 && outcome.firstCode == .conditionFailed)
        #expect(topic.partition.seal(Topic.id) == nil)
    }

    @Test func aVersionDoesNotHoldWhileAChangeAndItsOppositeAreInFlight() throws {
        let topic = try Topic()
        try topic.commit(Topic.put(Topic.key, 1))
        try topic.merge(Topic.put(Topic.key, 2))
        let first = try topic.seal()
        try topic.merge(Topic.put(Topic.key, 1))
        let outcome = try topic.merge(
            Topic.put(Topic.key, 9, if: .versionEquals(RecordVersion(1))))
        #expect(outcome.firstCode == .conditionFailed)
        _ = try topic.partition.apply(first)
        #expect(try topic.read(Topic.key)?.version == 2)
    }

    @Test func aVersionHoldsAfterAChangeWasTakenBackWithinItsWindow() throws {
        let topic = try Topic()
        try topic.commit(Topic.put(Topic.key, 1))
        try topic.merge(Topic.put(Topic.key, 2), Topic.put(Topic.key, 1))
        let outcome = try topic.merge(
            Topic.put(Topic.key, 9, if: .versionEquals(RecordVersion(1))))
        #expect(outcome.accepted == 1)
    }

    @Test func anUnchangedWriteIsToldItsRecordsOffsetAlsoInAWindowWithoutAnEntry() throws {
        let topic = try Topic()
        try topic.commit(Topic.put(Topic.other, 1), Topic.put(Topic.key, 1))
        try topic.merge(Topic.put(Topic.key, 1), token: 7)
        let sealed = try #require(topic.partition.seal(Topic.id))
        #expect(sealed.entry == nil)
        let outcome = try #require(sealed.completions.first?.results.first)
        #expect(outcome.verdict == .unchanged)
        #expect(outcome.offset == Offset(2) && outcome.version == RecordVersion(1))
    }

    @Test func aLeaderForgetsTombstonesByTheTimeOfTheAppliedEntry() throws {
        let leader = try Topic(retention: 1_000)
        let follower = try Topic(retention: 1_000)
        try leader.merge(Topic.put(Topic.key, 1))
        let first = try leader.seal(1)
        try leader.merge(Topic.delete(Topic.key))
        let second = try leader.seal(2)
        try leader.merge(Topic.put(Topic.other, 1))
        let third = try leader.seal(500)
        try leader.merge(Topic.put(Topic.key, 5))
        // Sealed long after the retention, while the entries before are still on their way.
        let fourth = try leader.seal(100_000)
        for entry in [first, second, third, fourth] {
            _ = try leader.partition.apply(entry)
            _ = try follower.partition.apply(entry)
        }
        #expect(try leader.read(Topic.key)?.version == 3)
        #expect(try leader.read(Topic.key) == follower.read(Topic.key))
    }

    @Test(arguments: [UInt64.max, 1 << 48, 100])
    func anOffsetFromTheFutureReadsNothing(offset: UInt64) throws {
        let topic = try Topic()
        try topic.commit(Topic.put(Topic.key, 1))
        #expect(try topic.partition.readChanges(Topic.id, after: offset).isEmpty)
    }

    @Test func aTombstoneForgottenDuringASnapshotStillRaisesTheHorizonOfWhoLoadsIt() throws {
        let topic = try Topic(retention: 1_000)
        try topic.commit(Topic.put(Topic.key, 1))
        try topic.commit(Topic.delete(Topic.key), time: 10)
        var snapshot = topic.partition.beginSnapshot()
        try topic.merge(Topic.put(Topic.other, 1))
        let later = try topic.seal(50_000)
        _ = try topic.partition.apply(later)
        let restored = Partition(seed: 2)
        while let block = topic.partition.nextBlock(&snapshot, limit: 100) {
            try restored.load(block)
        }
        _ = try restored.apply(later)
        #expect(try restored.describe(Topic.id).horizon == Offset(2))
        #expect(try topic.partition.describe(Topic.id).horizon == Offset(2))
    }

    @Test func aTopicDroppedDuringASnapshotLeavesALogThatCanBeApplied() throws {
        let topic = try Topic()
        try topic.commit(Topic.put(Topic.key, 1))
        var snapshot = topic.partition.beginSnapshot()
        var blocks = [try #require(topic.partition.nextBlock(&snapshot, limit: 100))]
        try topic.merge(Topic.delete(Topic.key))
        let entries = [try topic.seal(), dropEntry(Topic.id)]
        for entry in entries { _ = try topic.partition.apply(entry) }
        while let block = topic.partition.nextBlock(&snapshot, limit: 100) { blocks.append(block) }
        let restored = Partition(seed: 2)
        for block in blocks { try restored.load(block) }
        for entry in entries { _ = try restored.apply(entry) }
        #expect(restored.topicIDs.isEmpty)
    }

    @Test func aSnapshotKeepsTheDefinitionOfItsPlaceInTheLog() throws {
        let topic = try Topic(retention: 1_000)
        try topic.commit(Topic.put(Topic.key, 1))
        try topic.commit(Topic.delete(Topic.key), time: 10)
        var snapshot = topic.partition.beginSnapshot()
        try topic.merge(Topic.put(Topic.key, 2), time: 5_000)
        let entries = [
            try topic.seal(500), alterEntry(Topic.id, BytesTopic.definition(0)),
        ]
        for entry in entries { _ = try topic.partition.apply(entry) }
        let restored = Partition(seed: 2)
        while let block = topic.partition.nextBlock(&snapshot, limit: 100) {
            try restored.load(block)
        }
        #expect(
            try restored.describe(Topic.id).definition.options
                .tombstoneRetentionMicroseconds == 1_000)
        for entry in entries { _ = try restored.apply(entry) }
        #expect(try restored.read(Topic.id, Topic.key) == topic.read(Topic.key))
    }

    @Test func timesDoNotGoBackWhenTheClockDoesNorAfterARestart() throws {
        let topic = try Topic()
        try topic.commit(Topic.put(Topic.key, 1), time: 9_000)
        var snapshot = topic.partition.beginSnapshot()
        let restored = Partition(seed: 2)
        while let block = topic.partition.nextBlock(&snapshot, limit: 100) {
            try restored.load(block)
        }
        for partition in [topic.partition, restored] {
            try partition.merge(Topic.id, [Topic.put(Topic.key, 2)])
            let entry = try #require(partition.seal(Topic.id, 5)?.entry)
            #expect(try WindowEntry(entry, keyKind: .u64).time == 9_000)
        }
    }

    @Test func droppingATopicAnswersWhoStillWaits() throws {
        let topic = try Topic()
        try topic.merge(Topic.put(Topic.key, 1), token: 3)
        let entry = try topic.seal()
        try topic.merge(Topic.put(Topic.key, 2), token: 4)
        let dropped = try topic.partition.apply(dropEntry(Topic.id))
        #expect(dropped.completions.map(\.token) == [3, 4])
        #expect(
            dropped.completions.allSatisfy { $0.counts.accepted == 0 && $0.counts.invalid == 1 })
        // The window was on its way when the topic went: it comes to nothing.
        #expect(try topic.partition.apply(entry).completions.isEmpty)
    }

    @Test func aKeyThatIsNotTextIsInvalidForEveryOperation() throws {
        let partition = Partition(seed: 1)
        let definition = TopicDefinition(name: "texts", keyKind: .string, schema: nil)
        _ = try partition.apply(createEntry(Topic.id, definition))
        for isAtomic in [false, true] {
            let outcome = try partition.merge(
                Topic.id, [Topic.delete([1, 0xff]), Topic.put([1, 0xff], 1)], isAtomic: isAtomic)
            #expect(outcome.invalid == 2 && outcome.firstCode == .invalidKey)
        }
    }

    @Test func aBarrierIsAnsweredBehindTheWindowsBeforeIt() throws {
        let topic = try Topic()
        try topic.merge(Topic.put(Topic.key, 1), token: 1)
        let entry = try topic.seal()
        try topic.partition.barrier(Topic.id, token: 2)
        let empty = try #require(topic.partition.seal(Topic.id))
        #expect(empty.entry == nil && empty.completions.isEmpty)
        #expect(try topic.partition.apply(entry).completions.map(\.token) == [1, 2])
    }

    @Test func noMoreWindowsAreSealedThanTheRingHolds() throws {
        let topic = try Topic()
        var entries: [[UInt8]] = []
        for value in 0..<20 as Range<UInt8> {
            try topic.merge(Topic.put(Topic.key, value))
            if let entry = topic.partition.seal(Topic.id)?.entry { entries.append(entry) }
        }
        #expect(entries.count == Int(TopicState.ring) - 1)
        for entry in entries { _ = try topic.partition.apply(entry) }
        _ = try topic.partition.apply(try topic.seal())
        #expect(try topic.read(Topic.key)?.row == [19])
    }
}
