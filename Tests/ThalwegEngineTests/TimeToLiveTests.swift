import Testing
import ThalwegModel
import ThalwegWire

@testable import ThalwegEngine

/// A bytes topic whose records live for ten seconds, and a clock that the test turns.
private struct MortalTopic {
    static let id = TopicID(1)
    static let key: [UInt8] = [1, 0, 0, 0, 0, 0, 0, 0]
    static let other: [UInt8] = [2, 0, 0, 0, 0, 0, 0, 0]
    static let second: Int64 = 1_000_000

    let partition = Partition(seed: 1)
    let entries: Entries

    final class Entries {
        var list: [[UInt8]] = []
    }

    init() throws {
        entries = Entries()
        let definition = TopicDefinition(
            name: "mortal", keyKind: .u64, schema: nil,
            options: TopicOptions(timeToLiveMicroseconds: UInt64(10 * MortalTopic.second)))
        try commit(createEntry(MortalTopic.id, definition))
    }

    func commit(_ entry: [UInt8]) throws {
        entries.list.append(entry)
        _ = try partition.apply(entry)
    }

    func put(_ key: [UInt8], at second: Int64) throws {
        let time = second * MortalTopic.second
        try partition.merge(
            MortalTopic.id, [NaiveWrite(key: key, body: .assert([7]))], time: time)
        if let entry = partition.seal(MortalTopic.id, time)?.entry { try commit(entry) }
    }

    /// One whole sweep; gives whether anything was deleted.
    func sweep(at second: Int64) throws -> Bool {
        let time = second * MortalTopic.second
        for part in 0..<256 {
            partition.expire(MortalTopic.id, part: part, time: Timestamp(microseconds: time))
        }
        guard let entry = partition.seal(MortalTopic.id, time)?.entry else { return false }
        try commit(entry)
        return true
    }
}

@Suite struct TimeToLiveTests {
    private typealias Topic = MortalTopic

    @Test func aRecordThatNobodyAssertsExpiresAndSaysSo() throws {
        let topic = try Topic()
        try topic.put(Topic.key, at: 1)
        try topic.put(Topic.other, at: 8)
        #expect(try topic.sweep(at: 10) == false)
        #expect(try topic.sweep(at: 12))
        let reason = try Topic.key.withUnsafeBytes { key in
            try topic.partition.get(Topic.id, key: key) { $0?.reason }
        }
        #expect(reason == .expired)
        #expect(try topic.partition.describe(Topic.id).liveRecords == 1)
        #expect(try topic.sweep(at: 20))
        #expect(try topic.partition.describe(Topic.id).liveRecords == 0)
    }

    @Test func assertingTheSameBytesAgainKeepsARecordAlive() throws {
        let topic = try Topic()
        for second in stride(from: Int64(1), through: 60, by: 5) {
            try topic.put(Topic.key, at: second)
            #expect(try topic.sweep(at: second + 4) == false)
        }
        // Twelve assertions of one value: one change.
        #expect(try topic.partition.describe(Topic.id).lastOffset == Offset(1))
    }

    @Test func afterARestartARecordHasItsWholeTimeAgain() throws {
        let topic = try Topic()
        try topic.put(Topic.key, at: 1)
        let restarted = Partition(seed: 2)
        for entry in topic.entries.list {
            _ = try restarted.apply(entry)
        }
        func sweep(at second: Int64) -> Bool {
            let time = second * Topic.second
            for part in 0..<256 {
                restarted.expire(Topic.id, part: part, time: Timestamp(microseconds: time))
            }
            return restarted.seal(Topic.id, time)?.entry != nil
        }
        #expect(sweep(at: 100) == false)
        #expect(sweep(at: 109) == false)
        #expect(sweep(at: 111))
    }

    @Test func writesBeyondTheMemoryLimitAreRefusedAndReadsGoOn() throws {
        var limits = Limits()
        limits.memoryBytes = 64 << 10
        let partition = Partition(seed: 1, limits: limits)
        let definition = TopicDefinition(name: "full", keyKind: .u64, schema: nil)
        _ = try partition.apply(createEntry(Topic.id, definition))
        var refusal: ThalwegError?
        for round in UInt8(1)...20 where refusal == nil {
            let value = [UInt8](repeating: round, count: 1 << 20)
            let key: [UInt8] = [round, 0, 0, 0, 0, 0, 0, 0]
            do {
                try partition.merge(Topic.id, [NaiveWrite(key: key, body: .assert(value))], time: 1)
            } catch let error as ThalwegError {
                refusal = error
            }
            if let entry = partition.seal(Topic.id, 1)?.entry { _ = try partition.apply(entry) }
        }
        #expect(refusal?.code == .memoryLimit)
        #expect(refusal?.limit == 64 << 10)
        #expect(try partition.read(Topic.id, [1, 0, 0, 0, 0, 0, 0, 0])?.row?.count == 1 << 20)
    }

    @Test func partitionsOfOneNodeShareTheMemoryLimit() throws {
        var limits = Limits()
        limits.memoryBytes = 8 << 20
        let memory = MemoryBudget()
        func partition() throws -> Partition {
            let partition = Partition(seed: 1, limits: limits, memory: memory)
            let definition = TopicDefinition(name: "full", keyKind: .u64, schema: nil)
            _ = try partition.apply(createEntry(Topic.id, definition))
            return partition
        }
        func write(_ partition: Partition, _ keys: ClosedRange<UInt8>) throws {
            for key in keys {
                let value = [UInt8](repeating: key, count: 1 << 20)
                try partition.merge(
                    Topic.id, [NaiveWrite(key: [key, 0, 0, 0, 0, 0, 0, 0], body: .assert(value))],
                    time: 1)
                if let entry = partition.seal(Topic.id, 1)?.entry { _ = try partition.apply(entry) }
            }
        }
        let second = try partition()
        do {
            let first = try partition()
            try write(first, 1...4)
            first.rest()
            #expect(memory.bytes > 4 << 20)
            // Neither has half of what is allowed when both together have all of it.
            let refusal = #expect(throws: ThalwegError.self) { try write(second, 1...12) }
            #expect(refusal?.code == .memoryLimit)
            #expect((refusal?.value ?? 0) > UInt64(second.bytes))
        }
        // One that is gone takes nothing.
        second.rest()
        #expect(memory.bytes == second.bytes)
    }
}
