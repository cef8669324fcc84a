import Testing
import ThalwegModel
import ThalwegWire

@testable import ThalwegEngine

@Suite struct SnapshotTests {
    /// A snapshot is the state at one place in the log, whatever happens while it is written.
    @Test(arguments: [1, 2, 3, 4, 5, 6] as [UInt64])
    func aSnapshotIsTheStateWhereItBegan(seed: UInt64) throws {
        var random = RandomSource(seed: seed)
        let topic = TopicID(1)
        let definition = TopicDefinition(
            name: "values", keyKind: .u64, schema: nil,
            options: TopicOptions(
                tombstoneRetentionMicroseconds: random.pick([0, 20_000, 1_000_000])))
        let leader = Partition(seed: seed)
        _ = try leader.apply(createEntry(topic, definition))
        let keys = try (0..<300).map { try Key.u64(UInt64($0)).encoded() }
        var now: Int64 = 1

        func commitSome(_ count: Int) throws {
            now += 1_000
            for _ in 0..<count {
                let key = random.pick(keys)
                let value = [UInt8](repeating: UInt8(random.below(9)), count: random.below(90))
                let body: NaiveWrite.Body = random.once(in: 3) ? .retract : .assert(value)
                try leader.merge(
                    topic, [NaiveWrite(key: key, body: body)],
                    source: UInt16(1 + random.below(2)), time: now)
            }
            if let entry = leader.seal(topic, now)?.entry { _ = try leader.apply(entry) }
        }

        for _ in 0..<20 { try commitSome(60) }
        for _ in 0..<5 {
            let expected = try leader.readChanges(topic, after: 0)
            let description = try leader.describe(topic)
            let hash = try leader.hash(topic)
            var snapshot = leader.beginSnapshot()
            let restored = Partition(seed: seed + 100)
            while let block = leader.nextBlock(&snapshot, limit: 300 + random.below(3_000)) {
                try restored.load(block)
                for _ in 0..<random.below(3) { try commitSome(1 + random.below(25)) }
            }
            #expect(try restored.readChanges(topic, after: 0) == expected, "seed \(seed)")
            let copy = try restored.describe(topic)
            #expect(copy.lastOffset == description.lastOffset, "seed \(seed)")
            #expect(copy.horizon == description.horizon, "seed \(seed)")
            #expect(copy.liveRecords == description.liveRecords, "seed \(seed)")
            #expect(try restored.hash(topic) == hash, "seed \(seed)")
        }
    }

    /// Records that changed since it began fill no block, however many there are: a loop that passed
    /// over them would do nothing else.
    @Test func aBlockLooksAtSoManyRecords() throws {
        let topic = TopicID(1)
        let leader = Partition(seed: 1)
        let definition = TopicDefinition(name: "values", keyKind: .u64, schema: nil)
        _ = try leader.apply(createEntry(topic, definition))
        let keys = try (0..<2 * SnapshotWalk.looksPerChunk + 1).map {
            try Key.u64(UInt64($0)).encoded()
        }
        func commitAll(_ value: UInt8, time: Int64) throws {
            try leader.merge(
                topic, keys.map { NaiveWrite(key: $0, body: .assert([value])) }, source: 1,
                time: time)
            _ = try leader.apply(try #require(leader.seal(topic, time)?.entry))
        }
        try commitAll(1, time: 1)
        let expected = try leader.readChanges(topic, after: 0)
        var snapshot = leader.beginSnapshot()
        let restored = Partition(seed: 2)
        try restored.load(try #require(leader.nextBlock(&snapshot, limit: .max)))
        try commitAll(2, time: 2)
        var blocks = 0
        while let block = leader.nextBlock(&snapshot, limit: .max) {
            try restored.load(block)
            blocks += 1
        }
        // Three of records, and the end.
        #expect(blocks == 4)
        #expect(try restored.readChanges(topic, after: 0) == expected)
    }

    @Test func damagedBlocksAreRefusedWithoutACrash() throws {
        let topic = TopicID(1)
        let leader = Partition(seed: 1)
        let definition = TopicDefinition(name: "texts", keyKind: .string, schema: nil)
        _ = try leader.apply(createEntry(topic, definition))
        let writes = try (0..<20).map {
            NaiveWrite(key: try Key.string("k\($0)").encoded(), body: .assert([1, 2, 3]))
        }
        try leader.merge(topic, writes)
        let entry = try #require(leader.seal(topic)?.entry)
        _ = try leader.apply(entry)
        var snapshot = leader.beginSnapshot()
        var blocks: [[UInt8]] = []
        while let block = leader.nextBlock(&snapshot, limit: 200) { blocks.append(block) }
        for cut in 0..<blocks[1].count {
            let restored = Partition(seed: 2)
            try restored.load(blocks[0])
            #expect(throws: ThalwegError.self) {
                try restored.load(Array(blocks[1].prefix(cut)))
            }
        }
        for cut in 0..<entry.count {
            let follower = Partition(seed: 3)
            _ = try follower.apply(createEntry(topic, definition))
            #expect(throws: ThalwegError.self) {
                _ = try follower.apply(Array(entry.prefix(cut)))
            }
        }
    }
}
