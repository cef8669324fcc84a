import Testing
import ThalwegModel
import ThalwegWire

@testable import ThalwegEngine

/// Truncations of topics that keep a history: every record is deleted by a change of its own.
@Suite struct TruncationTests {
    private static let id = TopicID(1)

    private static func key(_ number: UInt8) -> [UInt8] {
        [number] + [UInt8](repeating: 0, count: 7)
    }

    private static func put(_ number: UInt8, _ value: UInt8) -> NaiveWrite {
        NaiveWrite(key: key(number), body: .assert([value]))
    }

    private func partition(_ options: TopicOptions, seed: UInt64 = 1) throws -> Partition {
        let partition = Partition(seed: seed)
        _ = try partition.apply(
            createEntry(
                Self.id,
                TopicDefinition(name: "values", keyKind: .u64, schema: nil, options: options)))
        return partition
    }

    private func kinds(_ partition: Partition) throws -> [String] {
        try partition.readHistory(Self.id, after: 0).map {
            "\($0.kind) \($0.key[0]) v\($0.version)"
        }
    }

    /// A window is on its way before the truncation and one is merged behind it, both with the same
    /// record: what is behind stays.
    @Test func windowsAroundATruncationKeepTheirPlace() throws {
        let leader = try partition(TopicOptions(history: .forever))
        let follower = try partition(TopicOptions(history: .forever), seed: 2)
        var entries: [[UInt8]] = []
        try leader.merge(Self.id, [Self.put(1, 1), Self.put(2, 1)])
        entries.append(try #require(leader.seal(Self.id, 1)?.entry))
        try leader.merge(Self.id, [Self.put(3, 2), Self.put(1, 2)])
        entries.append(try #require(leader.seal(Self.id, 2)?.entry))
        let time = Timestamp(microseconds: 3)
        entries.append(try #require(try leader.truncate(Self.id, time: time, token: 9)))
        // The record's bytes are those of before: were it still there, nothing would change.
        try leader.merge(Self.id, [Self.put(1, 2), Self.put(4, 3)], source: 2)
        try leader.merge(Self.id, [NaiveWrite(key: Self.key(2), body: .retract)])
        entries.append(try #require(leader.seal(Self.id, 4)?.entry))
        var tokens: [UInt64] = []
        for entry in entries {
            tokens += try leader.apply(entry).completions.map(\.token)
            _ = try follower.apply(entry)
        }
        #expect(tokens == [9])
        #expect(try leader.hash(Self.id) == follower.hash(Self.id))
        for partition in [leader, follower] {
            #expect(
                try kinds(partition) == [
                    "created 1 v1", "created 2 v1", "created 3 v1", "updated 1 v2",
                    "deleted 2 v2", "deleted 3 v2", "deleted 1 v3", "created 1 v4",
                    "created 4 v1",
                ])
            #expect(try partition.describe(Self.id).liveRecords == 2)
            #expect(try partition.read(Self.id, Self.key(1))?.sources == [2])
        }
    }

    @Test func aStreamWithoutAHistoryIsEmptiedAtOneOffset() throws {
        let partition = try partition(TopicOptions(writes: .every, history: .none))
        try partition.merge(Self.id, (1...50).map { Self.put($0, 1) })
        _ = try partition.apply(try #require(partition.seal(Self.id, 1)?.entry))
        // Writes that are queued are cut first.
        try partition.merge(Self.id, [Self.put(51, 1)])
        let time = Timestamp(microseconds: 2)
        #expect(try partition.truncate(Self.id, time: time, token: 5) == nil)
        let group = try #require(partition.seal(Self.id, 2)?.entry)
        let entry = try #require(try partition.truncate(Self.id, time: time, token: 5))
        try partition.merge(Self.id, [Self.put(52, 1)])
        let behind = try #require(partition.seal(Self.id, 3)?.entry)
        _ = try partition.apply(group)
        #expect(try partition.apply(entry).completions.map(\.token) == [5])
        #expect(try partition.describe(Self.id).liveRecords == 0)
        _ = try partition.apply(behind)
        let info = try partition.describe(Self.id)
        #expect(info.liveRecords == 1 && info.lastOffset == Offset(53))
        // A reader that held something is told to start over.
        var position = FeedPosition.tail(Offset(50))
        var writer = ChangesWriter()
        writer.begin(Self.id)
        let error = #expect(throws: ThalwegError.self) {
            try partition.encodeChanges(
                Self.id, at: &position, query: FeedQuery(), limitBytes: 1_000, into: &writer)
        }
        #expect(error?.code == .tooOld)
    }

    /// The history that was kept before is no part of one that begins later.
    @Test func aHistoryThatWasGivenUpDoesNotComeBack() throws {
        let partition = try partition(TopicOptions(writes: .every, history: .forever))
        func commit(_ write: NaiveWrite) throws {
            try partition.merge(Self.id, [write])
            _ = try partition.apply(try #require(partition.seal(Self.id, 1)?.entry))
        }
        func alter(_ history: TopicOptions.History) throws {
            let definition = TopicDefinition(
                name: "values", keyKind: .u64, schema: nil,
                options: TopicOptions(writes: .every, history: history))
            _ = try partition.apply(alterEntry(Self.id, definition))
        }
        try commit(Self.put(1, 1))
        try alter(.none)
        let time = Timestamp(microseconds: 2)
        _ = try partition.apply(
            try #require(try partition.truncate(Self.id, time: time, token: 5)))
        try alter(.forever)
        try commit(Self.put(2, 1))
        #expect(try partition.offset(of: .earliest, in: Self.id) == Offset(2))
        #expect(try partition.readHistory(Self.id, after: 2).map(\.offset) == [3])
    }
}
