import Testing
import ThalwegModel
import ThalwegWire

@testable import ThalwegEngine

/// What the simulator found about nodes that lead, follow, and lead again.
@Suite struct FailOverTests {
    private static let id = TopicID(1)
    private static let second: Int64 = 1_000_000
    private static let key: [UInt8] = [1, 0, 0, 0, 0, 0, 0, 0]

    private static func partition(_ options: TopicOptions) throws -> Partition {
        let partition = Partition(seed: 1)
        _ = try partition.apply(
            createEntry(
                id,
                TopicDefinition(name: "values", keyKind: .u64, schema: nil, options: options)))
        return partition
    }

    private static func put(_ partition: Partition, source: UInt16 = 1, at time: Int64) throws {
        _ = try partition.merge(
            id, [NaiveWrite(key: key, body: .assert([7]))], source: source, time: time)
    }

    private static func entry(_ partition: Partition, at time: Int64) throws -> [UInt8] {
        try #require(partition.seal(id, time)?.entry)
    }

    // MARK: Topics that keep every write

    @Test func aLeaderThatHasCutLaterGroupsKeepsTombstonesAsItsFollowersDo() throws {
        let options = TopicOptions(writes: .every, tombstoneRetentionMicroseconds: 300)
        let nodes = [try Self.partition(options), try Self.partition(options)]
        try Self.put(nodes[0], at: 1)
        let first = try Self.entry(nodes[0], at: 1)
        _ = try nodes[0].merge(Self.id, [NaiveWrite(key: Self.key, body: .retract)], time: 2)
        let second = try Self.entry(nodes[0], at: 2)
        // Cut while the others are on their way: its time is not theirs.
        try Self.put(nodes[0], at: 9_000)
        let third = try Self.entry(nodes[0], at: 9_000)
        for entry in [first, second] {
            for node in nodes { _ = try node.apply(entry) }
        }
        #expect(try nodes.map { try $0.describe(Self.id).tombstones } == [1, 1])
        #expect(try nodes[0].hash(Self.id) == nodes[1].hash(Self.id))
        for node in nodes { _ = try node.apply(third) }
        #expect(try nodes[0].hash(Self.id) == nodes[1].hash(Self.id))
    }

    @Test func theDeadAreRetractedByALeaderThatOnceLetGroupsGo() throws {
        let partition = try Self.partition(TopicOptions(writes: .every))
        try Self.put(partition, source: 3, at: 1)
        _ = try partition.apply(try Self.entry(partition, at: 1))
        try Self.put(partition, source: 3, at: 2)
        _ = try Self.entry(partition, at: 2)
        _ = partition.stepDown()
        // It leads again, and source 3 is dead.
        var walk = try #require(partition.beginRetraction(Self.id, of: [SourceID(3)]))
        var steps = 0
        while true {
            steps += 1
            if case .isDone = partition.retract(
                &walk, limit: 10, time: Timestamp(microseconds: 3))
            {
                break
            }
            if let entry = partition.seal(Self.id, 4)?.entry { _ = try partition.apply(entry) }
            guard steps < 100 else {
                Issue.record("the walk waits for a group that was let go")
                return
            }
        }
        if let entry = partition.seal(Self.id, 4)?.entry { _ = try partition.apply(entry) }
        #expect(try partition.describe(Self.id).liveRecords == 0)
    }

    // MARK: Snapshots

    @Test func aNodeThatLoadedASnapshotForgetsHistoryAsTheOthersDo() throws {
        var limits = Limits()
        limits.historyChunkBytes = 1_000
        let options = TopicOptions(
            writes: .every, history: .count(5), tombstoneRetentionMicroseconds: 10)
        let old = Partition(seed: 1, limits: limits)
        _ = try old.apply(
            createEntry(
                Self.id,
                TopicDefinition(name: "values", keyKind: .u64, schema: nil, options: options)))
        let new = old.emptyTwin()
        for number in Int64(1)...60 {
            let write = NaiveWrite(
                key: Self.key, body: number % 3 == 0 ? .retract : .assert([UInt8(number)]))
            _ = try old.merge(Self.id, [write], time: number * 20)
            let entry = try Self.entry(old, at: number * 20)
            _ = try old.apply(entry)
            if number == 17 {
                var snapshot = old.beginSnapshot()
                while let block = old.nextBlock(&snapshot, limit: 1_000) {
                    try block.withUnsafeBytes { try new.load(block: $0) }
                }
            } else if number > 17 {
                _ = try new.apply(entry)
            }
            guard number >= 17 else { continue }
            #expect(try old.hash(Self.id) == new.hash(Self.id), "after \(number)")
        }
        #expect(try old.startOfHistory(Self.id) > .start)
    }

    // MARK: Time to live

    private static func sweep(
        _ partition: Partition, at time: Int64, uptime: Int64? = nil
    ) throws -> Bool {
        for part in 0..<256 {
            partition.expire(
                id, part: part, time: Timestamp(microseconds: time), uptime: uptime)
        }
        guard let entry = partition.seal(id, time)?.entry else { return false }
        _ = try partition.apply(entry)
        return true
    }

    @Test(arguments: [TopicOptions.Writes.coalesced(windowMicroseconds: 20_000), .every])
    func aNodeThatLeadsAgainGivesEveryRecordItsWholeTime(writes: TopicOptions.Writes) throws {
        let partition = try Self.partition(
            TopicOptions(writes: writes, timeToLiveMicroseconds: UInt64(10 * Self.second)))
        try Self.put(partition, at: 1 * Self.second)
        _ = try partition.apply(try Self.entry(partition, at: 1 * Self.second))
        #expect(try !Self.sweep(partition, at: 2 * Self.second))
        _ = partition.stepDown()
        // Others lead, and the same is asserted there again and again: nothing of it is logged.
        #expect(try !Self.sweep(partition, at: 100 * Self.second))
        #expect(try !Self.sweep(partition, at: 109 * Self.second))
        #expect(try Self.sweep(partition, at: 112 * Self.second))
    }

    @Test func aClockThatIsSetBeforeTheFirstLookLetsNothingExpire() throws {
        let partition = try Self.partition(
            TopicOptions(timeToLiveMicroseconds: UInt64(10 * Self.second)))
        try Self.put(partition, at: 1_000 * Self.second)
        _ = try partition.apply(try Self.entry(partition, at: 1_000 * Self.second))
        #expect(try !Self.sweep(partition, at: 4_600 * Self.second, uptime: 1 * Self.second))
        #expect(try !Self.sweep(partition, at: 4_609 * Self.second, uptime: 10 * Self.second))
        #expect(try Self.sweep(partition, at: 4_612 * Self.second, uptime: 13 * Self.second))
    }

    @Test func aClockThatIsSetLetsNothingExpireBeforeItsTime() throws {
        let partition = try Self.partition(
            TopicOptions(timeToLiveMicroseconds: UInt64(10 * Self.second)))
        func sweep(wall: Int64, uptime: Int64) throws -> Bool {
            try Self.sweep(
                partition, at: wall * Self.second, uptime: uptime * Self.second)
        }
        try Self.put(partition, at: 1_000 * Self.second)
        _ = try partition.apply(try Self.entry(partition, at: 1_000 * Self.second))
        #expect(try !sweep(wall: 1_001, uptime: 1))
        // An hour forwards.
        #expect(try !sweep(wall: 4_602, uptime: 2))
        #expect(try !sweep(wall: 4_611, uptime: 11))
        // Two hours back: nothing lives longer for it than its time.
        #expect(try !sweep(wall: 1_000, uptime: 12))
        #expect(try !sweep(wall: 1_009, uptime: 21))
        #expect(try sweep(wall: 1_012, uptime: 24))
    }
}
