import Synchronization
import Testing
import ThalwegClient
import ThalwegCluster
import ThalwegLog
import ThalwegModel
import ThalwegServer
import ThalwegWire

/// What is read, and when: single records under conditional writes, while leaders are cut off.
@Suite("A cluster's reads", .serialized, .enabled(if: ConsensusCore.isAvailable))
struct ClusterReadTests {
    @Test func aLeaderThatIsCutOffDoesNotTakeOldStateForTheNewest() async throws {
        try await withCluster { cluster in
            let (old, client) = try await cluster.writer()
            let topic = try await client.topic(try Sample.definition())
            let first = try await client.put(
                topic, .u64(1), row: try Sample.row(topic, "old")
            ).offset
            let reader = try await cluster.reader(old)
            #expect(try await reader.get(topic, .u64(1), notBefore: .newest)?.offset == first)
            cluster.network.isolate(old)
            let newest = Task { try await reader.get(topic, .u64(1), notBefore: .newest) }
            let (_, next) = try await cluster.writer(besides: old)
            let second = try await next.put(
                topic, .u64(1), row: try Sample.row(topic, "new")
            ).offset
            let error = await #expect(throws: ThalwegError.self) { _ = try await newest.value }
            #expect([.notCommitted, .notLeader].contains(error?.code))
            // Who does not ask for it is told what there is.
            #expect(try await reader.get(topic, .u64(1))?.offset == first)
            #expect(try await next.get(topic, .u64(1), notBefore: .newest)?.offset == second)
            try await reader.close()
            try await next.close()
        }
    }

    @Test func aFollowerSendsWhoWantsTheNewestToTheLeader() async throws {
        try await withCluster { cluster in
            let (leader, client) = try await cluster.writer()
            let topic = try await client.topic(try Sample.definition())
            let row = try Sample.row(topic, "a")
            for key in UInt64(1)...20 {
                let offset = try await client.put(topic, .u64(key), row: row).offset
                let follower = try #require(cluster.followers(of: leader).first)
                let reader = try await cluster.reader(follower)
                let own = try await eventually("the topic is there") {
                    try? await reader.topic(topic.name)
                }
                #expect(
                    try await reader.get(own, .u64(key), notBefore: .newest)?.offset == offset)
                #expect(try await reader.count(own, notBefore: .newest).count == key)
                #expect(
                    try await reader.scan(own, notBefore: .newest).records.count == Int(key))
                try await reader.close()
            }
            try await client.close()
        }
    }

    /// Operations on one record, as one client saw them.
    private final class Histories: Sendable {
        private let operations = Mutex<[UInt64: [RecordOperation]]>([:])
        private let clock = ContinuousClock()
        private let start = ContinuousClock().now

        var now: UInt64 {
            let (seconds, attoseconds) = (clock.now - start).components
            return UInt64(seconds) * 1_000_000_000 + UInt64(attoseconds / 1_000_000_000)
        }

        func note(_ key: UInt64, _ operation: RecordOperation) {
            operations.withLock { $0[key, default: []].append(operation) }
        }

        var count: Int { operations.withLock { $0.values.reduce(0) { $0 + $1.count } } }

        var all: [UInt64: [RecordOperation]] { operations.withLock { $0 } }
    }

    private static let keys: ClosedRange<UInt64> = 1...4
    /// Of which it is not known what became of what was asked.
    private static let unknown: Set<ErrorCode> = [.notCommitted, .connectionLost, .timedOut]

    /// Reads and writes records until it is told to stop. Values are never written twice, so that
    /// "the version is still the one that was read" means "the value is".
    private func operate(
        _ client: ThalwegClient, _ topic: Topic, _ number: UInt64, _ histories: Histories,
        until isDone: Flag
    ) async throws {
        var random = SeededGenerator(seed: number)
        var value = number << 20
        var read: [UInt64: (value: UInt64?, version: RecordVersion)] = [:]
        while !isDone.isRaised {
            let key = Self.keys.lowerBound + random.next() % UInt64(Self.keys.count)
            let calledAt = histories.now
            value += 1
            let row = try Sample.row(topic, "c\(number)", 0, Int64(value))
            switch random.next() % 4 {
            case 0:
                let kind = RecordOperation.Kind.write(value)
                let isKnown = try await known { try await client.put(topic, .u64(key), row: row) }
                histories.note(
                    key,
                    RecordOperation(
                        kind, calledAt: calledAt, answeredAt: isKnown == nil ? nil : histories.now))
            case 1 where read[key] != nil:
                guard let seen = read.removeValue(forKey: key) else { continue }
                let condition: WriteCondition =
                    seen.value == nil ? .absent : .versionEquals(seen.version)
                let isTaken = try await known {
                    try await client.put(topic, .u64(key), row: row, if: condition)
                }
                histories.note(
                    key,
                    RecordOperation(
                        .writeIf(expected: seen.value, value: value, wasTaken: isTaken ?? false),
                        calledAt: calledAt, answeredAt: isTaken == nil ? nil : histories.now))
            default:
                do throws(ThalwegError) {
                    let record = try await client.get(topic, .u64(key), notBefore: .newest)
                    let told = try record.map { record throws(ThalwegError) in
                        try Self.value(record, topic)
                    }
                    read[key] = (told, record?.version ?? RecordVersion(0))
                    histories.note(
                        key,
                        RecordOperation(
                            .read(told), calledAt: calledAt, answeredAt: histories.now))
                } catch {
                    guard Self.unknown.contains(error.code) else { throw error }
                }
            }
        }
    }

    private static func value(_ record: StoredRecord, _ topic: Topic) throws(ThalwegError) -> UInt64
    {
        guard case .signed(let value) = try topic.values(of: record.row)[2] else {
            throw ThalwegError(.invalidRow, "no number")
        }
        return UInt64(value)
    }

    /// Whether a write was taken; `nil` where nobody knows.
    private func known(_ write: () async throws -> WriteResult) async throws -> Bool? {
        do {
            _ = try await write()
            return true
        } catch let error as ThalwegError {
            if error.code == .conditionFailed { return false }
            guard Self.unknown.contains(error.code) else { throw error }
            return nil
        }
    }

    /// - Parameter keepsEvery: conditions are judged when the write is applied, not when it comes.
    @Test(arguments: [false, true])
    func whatClientsSeeOfARecordIsOneStoryWhileLeadersAreCutOff(keepsEvery: Bool) async throws {
        try await withCluster { cluster in
            let maker = try await cluster.client(.named("maker"))
            var sample = try Sample.definition(windowMilliseconds: 1)
            if keepsEvery { sample.options = TopicOptions(writes: .every) }
            let definition = sample
            _ = try await maker.topic(definition)
            let histories = Histories()
            let isDone = Flag()
            try await withThrowingTaskGroup { tasks in
                for number in UInt64(1)...4 {
                    tasks.addTask { [self] in
                        let client = try await cluster.client(.named("c\(number)"))
                        let own = try await client.topic(definition)
                        try await operate(client, own, number, histories, until: isDone)
                        try await client.close()
                    }
                }
                tasks.addTask {
                    defer { isDone.raise() }
                    for _ in 0..<5 {
                        let leader = try await cluster.leader()
                        cluster.network.isolate(leader)
                        _ = try await cluster.leader(besides: leader)
                        let before = histories.count
                        _ = try await eventually("clients go on at the new leader") {
                            histories.count >= before + 20 ? true : nil
                        }
                        cluster.network.isolate(leader, false)
                        try await cluster.caughtUp(leader)
                    }
                }
                try await tasks.waitForAll()
            }
            for (key, operations) in histories.all {
                #expect(operations.count > 20)
                #expect(Linearizability.check(operations), "key \(key)")
            }
            try await maker.close()
        }
    }
}
