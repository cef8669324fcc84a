import Testing
import ThalwegModel

@testable import ThalwegEngine

/// What dead sources asserted in a topic goes as one step of its log, however much it is.
@Suite struct RetractionWalkTests {
    private static let id = TopicID(1)
    private static let records: UInt64 = 10_000

    private static func key(_ number: UInt64) -> [UInt8] {
        withUnsafeBytes(of: number.littleEndian) { Array($0) }
    }

    /// Sources 1 and 2 assert every record, but for each tenth, which source 3 asserts with 1.
    private static func partition(_ writes: TopicOptions.Writes) throws -> Partition {
        let partition = Partition(seed: 1)
        let definition = TopicDefinition(
            name: "values", keyKind: .u64, schema: nil, options: TopicOptions(writes: writes))
        _ = try partition.apply(createEntry(id, definition))
        for source: UInt16 in 1...3 {
            let keys = (0..<records).filter { source == 1 || ($0 % 10 == 0) == (source == 3) }
            try partition.merge(
                id, keys.map { NaiveWrite(key: key($0), body: .assert([1])) }, source: source,
                time: 1)
            _ = try partition.apply(try #require(partition.seal(id)?.entry))
        }
        return partition
    }

    /// Walks until it is done, with a seal between the steps; gives the entries that came of it.
    private static func entries(
        _ partition: Partition, of sources: [SourceID], entryBytes: Int? = nil
    ) throws -> Int {
        var walk = try #require(partition.beginRetraction(id, of: sources))
        var entries = 0
        for step in 1...1_000 {
            let came = partition.retract(
                &walk, limit: 1_000, time: Timestamp(microseconds: 2), entryBytes: entryBytes)
            if let entry = partition.seal(id, 2)?.entry {
                entries += 1
                _ = try partition.apply(entry)
            }
            guard came == .isDone else { continue }
            // The walk itself took a little at a time.
            #expect(step >= Int(records) / 1_000)
            return entries
        }
        Issue.record("the walk does not end")
        return entries
    }

    @Test(arguments: [TopicOptions.Writes.coalesced(windowMicroseconds: 20_000), .every])
    func allThatDeadSourcesAssertedGoesInOneEntry(writes: TopicOptions.Writes) throws {
        let partition = try Self.partition(writes)
        #expect(try Self.entries(partition, of: [SourceID(1), SourceID(2)]) == 1)
        #expect(try partition.describe(Self.id).liveRecords == Int(Self.records) / 10)
        #expect(try partition.read(Self.id, Self.key(20))?.sources == [3])
        let reason = try Self.key(21).withUnsafeBytes { key in
            try partition.get(Self.id, key: key) { $0?.reason }
        }
        #expect(reason == .sourceLost)
    }

    @Test(arguments: [TopicOptions.Writes.coalesced(windowMicroseconds: 20_000), .every])
    func whatAnEntryHasNoRoomForGoesInTheNext(writes: TopicOptions.Writes) throws {
        let partition = try Self.partition(writes)
        let entries = try Self.entries(
            partition, of: [SourceID(1), SourceID(2)], entryBytes: 100_000)
        #expect(entries > 1)
        #expect(try partition.describe(Self.id).liveRecords == Int(Self.records) / 10)
    }

    @Test func whoComesBackBeforeTheEndHasLostNothing() throws {
        let partition = try Self.partition(.coalesced(windowMicroseconds: 20_000))
        var walk = try #require(
            partition.beginRetraction(Self.id, of: [SourceID(1), SourceID(2)]))
        for _ in 0..<5 {
            let step = partition.retract(&walk, limit: 1_000, time: Timestamp(microseconds: 2))
            #expect(step == .goesOn)
        }
        walk.spare(SourceID(1))
        let isDone = (0..<1_000).contains { _ in
            partition.retract(&walk, limit: 1_000, time: Timestamp(microseconds: 2)) == .isDone
        }
        #expect(isDone)
        _ = try partition.apply(try #require(partition.seal(Self.id, 2)?.entry))
        #expect(try partition.describe(Self.id).liveRecords == Int(Self.records))
        #expect(try partition.read(Self.id, Self.key(21))?.sources == [1])
    }
}
