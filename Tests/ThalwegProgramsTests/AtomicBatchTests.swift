import Testing
import ThalwegEngine
import ThalwegModel
import ThalwegPrograms
import ThalwegWire

/// A batch that is all or nothing goes through the program as one step, and batches of many writers go
/// through it together; neither shows in what comes out.
@Suite(.enabled(if: TestPrograms.canRun, TestPrograms.advice)) struct AtomicBatchTests {
    // MARK: Against the naive model

    private static let limits = {
        var limits = ProgramLimits()
        limits.fuelPerWrite = 1_000_000
        return limits
    }()

    /// Batches in their order, some of them sent again.
    private static func batches(_ seed: UInt64) -> [PoisonBatch] {
        var random = SplitMix(seed: seed)
        var batches: [PoisonBatch] = []
        var number: UInt64 = 1
        for _ in 0..<1_500 {
            let batch = PoisonBatch.random(&random, number: number)
            number += UInt64(batch.writes.count)
            batches.append(batch)
            if random.next() % 8 == 0 {
                batches.append(batches[batches.count - 1 - Int(random.next() % 4) % batches.count])
            }
        }
        return batches
    }

    private static func payload(_ batch: PoisonBatch, _ topic: TopicID) throws -> [UInt8] {
        var writer = PackedBatchWriter()
        writer.begin(
            topic, acknowledgement: .committedEach, isAtomic: batch.isAtomic,
            numbering: WriteNumbering(number: batch.number, answered: 0))
        for write in batch.writes {
            try bytes(of: write.key).withUnsafeBytes { key in
                try bytes(of: write.value).withUnsafeBytes { row in
                    try writer.assert(key: key, row: row, condition: write.condition)
                }
            }
        }
        return Array(writer.finish(requestID: 1).dropFirst(FrameHeader.size))
    }

    private func answer(_ outcome: WriteOutcome) -> NaivePoison.Answer {
        NaivePoison.Answer(
            verdict: outcome.verdict,
            code: outcome.verdict == .rejected ? outcome.rejection?.code : nil,
            offset: outcome.offset.rawValue, version: outcome.version.rawValue)
    }

    @Test(arguments: [(1, 1), (1, 3), (2, 20), (3, 200)] as [(UInt64, Int)])
    func everyBatchComesToWhatTheNaiveModelSays(seed: UInt64, batchesPerEntry: Int) throws {
        let batches = Self.batches(seed)
        var naive = NaivePoison()
        let expected = batches.map { naive.run($0) }
        let whole = zip(batches, expected).filter { $0.0.isAtomic && $0.0.writes.count > 1 }
        for verdict in [Verdict.accepted, .rejected, .failed, .invalid] {
            #expect(whole.contains { $0.1[0].verdict == verdict }, "seed \(seed): \(verdict)")
        }

        let leader = try ProgramPartition(limits: Self.limits)
        let follower = try ProgramPartition(limits: Self.limits)
        leader.follower = follower
        for start in stride(from: 0, to: batches.count, by: batchesPerEntry) {
            let part = batches[start..<min(start + batchesPerEntry, batches.count)]
            try leader.commit(
                try part.map { try Self.payload($0, leader.id) },
                session: UniqueID(high: 7, low: 7))
        }
        let answers = leader.outcomes.map(answer)
        let difference = zip(answers, expected.joined()).enumerated()
            .first { $0.element.0 != $0.element.1 }
        #expect(difference == nil, "seed \(seed)")
        #expect(answers.count == expected.joined().count, "seed \(seed)")

        for (partition, name) in [(leader, "leader"), (follower, "follower")] {
            let state = try partition.state()
            #expect(state.records == naive.records, "\(name), seed \(seed)")
            #expect(state.history.count == Int(naive.last), "\(name), seed \(seed)")
            #expect(state.figures.writes == naive.writes, "\(name), seed \(seed)")
            #expect(state.figures.rejected == naive.rejected, "\(name), seed \(seed)")
            #expect(state.figures.failed == naive.failed, "\(name), seed \(seed)")
        }
        #expect(try leader.state().stateHash == follower.state().stateHash)
        let restored = try ProgramPartition(restoring: leader, limits: Self.limits)
        #expect(try restored.partition.hash(leader.id) == leader.partition.hash(leader.id))
    }

    // MARK: What a program sees of its own batch

    /// A write of `orders.c`; deletes the key where there is no value.
    private struct Order {
        var key: String
        var value: String?
        var metadata = ""
    }

    private func commit(
        _ orders: [Order], to partition: ProgramPartition, isAtomic: Bool = true
    ) throws -> [WriteOutcome] {
        partition.outcomes = []
        var writer = PackedBatchWriter()
        writer.begin(partition.id, acknowledgement: .committedEach, isAtomic: isAtomic)
        for order in orders {
            let metadata = Array(order.metadata.utf8)
            try Key.string(order.key).encoded().withUnsafeBytes { key in
                try metadata.withUnsafeBytes { metadata in
                    let metadata = metadata.isEmpty ? nil : metadata
                    guard let value = order.value else {
                        return try writer.retract(key: key, condition: nil, metadata: metadata)
                    }
                    try Array(value.utf8).withUnsafeBytes {
                        try writer.assert(key: key, row: $0, condition: nil, metadata: metadata)
                    }
                }
            }
        }
        try partition.commit([Array(writer.finish(requestID: 1).dropFirst(FrameHeader.size))])
        return partition.outcomes
    }

    private func text(_ key: String, in partition: ProgramPartition) throws -> String? {
        let records = try partition.state().records
        return records[try Key.string(key).encoded()].map { String(decoding: $0, as: UTF8.self) }
    }

    @Test func laterWritesOfABatchFindWhatEarlierOnesMade() throws {
        let topic = try ProgramPartition(
            .ordersWithRecords, keyKind: .string, limits: ProgramLimits())
        _ = try commit([Order(key: "a", value: "a0")], to: topic, isAtomic: false)
        // A delete ends a call into the program, so each look is another call's.
        let told = try commit(
            [
                Order(key: "a", value: "a1"), Order(key: "1", value: nil),
                Order(key: "x", value: "ga"), Order(key: "2", value: nil),
                Order(key: "a", value: nil), Order(key: "y", value: "ga"),
                Order(key: "3", value: nil), Order(key: "z", value: "ggot"),
            ], to: topic)
        #expect(
            told.map(\.verdict) == [
                .accepted, .unchanged, .accepted, .unchanged, .accepted, .accepted, .unchanged,
                .accepted,
            ])
        let history = try topic.state().history
        #expect(history.count == 6)
        #expect(try text("got", in: topic) == "none")
        #expect(try text("a", in: topic) == nil)
    }

    /// It is refused at its last write; the earlier ones were accepted, and leave nothing.
    @Test(arguments: ["rno", "uno", "t", "l", "b1"])
    func aRefusedBatchLeavesNothing(culprit: String) throws {
        var limits = ProgramLimits()
        limits.fuelPerWrite = 1_000_000
        let topic = try ProgramPartition(.ordersWithRecords, keyKind: .string, limits: limits)
        let clean = try ProgramPartition(.ordersWithRecords, keyKind: .string, limits: limits)
        for partition in [topic, clean] {
            _ = try commit(
                [Order(key: "k", value: "c"), Order(key: "a", value: "a0")], to: partition)
        }
        let told = try commit(
            [
                Order(key: "k", value: "c"), Order(key: "a", value: nil),
                Order(key: "b", value: "c"), Order(key: "c", value: culprit),
                Order(key: "d", value: "c"),
            ], to: topic)
        let isReject = culprit.hasSuffix("no")
        #expect(told.count == 5)
        #expect(told.allSatisfy { $0.verdict == (isReject ? .rejected : .failed) })
        #expect(Set(told.map { $0.rejection?.message }).count == 1)
        if isReject { #expect(told[0].rejection?.message == "no") }
        let (after, before) = (try topic.state(), try clean.state())
        #expect(after.records == before.records && after.history == before.history)
        #expect(after.figures.writes == before.figures.writes + 5)
        // The program counts on where it was.
        for partition in [topic, clean] {
            _ = try commit(
                [Order(key: "k", value: "c"), Order(key: "l", value: "c")], to: partition)
        }
        #expect(try topic.state().records == clean.state().records)
        #expect(try topic.state().history == clean.state().history)
    }

    /// More input than one call takes, and more than a checkpoint lies apart.
    @Test func aLargeBatchIsOneStepToo() throws {
        let topic = try ProgramPartition(.orders, keyKind: .string, limits: ProgramLimits())
        let large = "a" + String(repeating: "v", count: 50_000)
        let orders = (0..<40).map { Order(key: "k\($0)", value: large) }
        let refused = try commit(orders + [Order(key: "x", value: "rno")], to: topic)
        #expect(refused.count == 41 && refused.allSatisfy { $0.verdict == .rejected })
        #expect(try topic.state().records.isEmpty)
        let told = try commit(orders + [Order(key: "x", value: "c")], to: topic)
        #expect(told.allSatisfy { $0.verdict == .accepted })
        #expect(told.map(\.offset.rawValue) == Array(1...41))
        #expect(try topic.state().records.count == 41)
    }

    // MARK: Metadata

    /// What a program stores has the metadata of the write, unless it says its own.
    @Test func changesOfAWriteHaveItsMetadata() throws {
        for isAtomic in [false, true] {
            let topic = try ProgramPartition(.orders, keyKind: .string, limits: ProgramLimits())
            _ = try commit(
                [
                    Order(key: "accepted", value: "a", metadata: "came with it"),
                    Order(key: "two", value: "s", metadata: "came with two"),
                    Order(key: "own", value: "jits own", metadata: "came with it"),
                    Order(key: "own", value: "Jgone"), Order(key: "none", value: "c"),
                    Order(key: "two", value: "d", metadata: "why"),
                ], to: topic, isAtomic: isAtomic)
            let metadata = try topic.state().history.map { $0.split(separator: "] ").last ?? "" }
            #expect(
                metadata.map { String($0.drop { $0.isNumber || $0 == " " }) } == [
                    "came with it", "came with two", "came with two", "its own", "gone", "-", "why",
                ])
        }
    }
}
