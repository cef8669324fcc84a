import Testing
import ThalwegModel
import ThalwegWire

@testable import ThalwegEngine

/// A hash that is taken a slice at a time, while writes go on, is that of the state where it began.
@Suite struct HashWalkTests {
    /// Random lives of a topic: a leader with windows in flight, a follower with another seed, marks,
    /// snapshots and truncations, all between the slices of hashes.
    @Test(arguments: 0..<40 as Range<UInt64>)
    func slicesSeeTheStateAtTheirMark(seed: UInt64) throws {
        var run = try HashRun(seed: seed)
        for _ in 0..<600 { try run.step() }
        try run.finish()
        #expect(run.looks >= 3, "seed \(seed): \(run.looks) marks were looked at")
        #expect(run.overtaken >= 3, "seed \(seed): writes came between slices")
    }

    private static let id = TopicID(1)

    private static func key(_ number: Int) -> [UInt8] {
        (0..<8).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) }
    }

    private func partition(
        _ records: Int = 0, seed: UInt64 = 1, options: TopicOptions = TopicOptions()
    ) throws -> Partition {
        let partition = Partition(seed: seed)
        _ = try partition.apply(
            createEntry(
                Self.id,
                TopicDefinition(name: "values", keyKind: .u64, schema: nil, options: options)))
        if records > 0 { try commit(partition, (0..<records).map { ($0, [UInt8($0 & 0xff)]) }) }
        return partition
    }

    private func commit(
        _ partition: Partition, _ rows: [(Int, [UInt8]?)], source: UInt16 = 1, time: Int64 = 1
    ) throws {
        try partition.merge(
            Self.id,
            rows.map { NaiveWrite(key: Self.key($0), body: $1.map { .assert($0) } ?? .retract) },
            source: source, time: time)
        _ = try partition.apply(try #require(partition.seal(Self.id, time)?.entry))
    }

    private func mark(_ partition: Partition, _ number: UInt64) throws {
        _ = try partition.apply(
            LogMark(number, wantsHash: true).entry(Self.id, time: Timestamp(microseconds: 1)))
    }

    /// How many slices a hash takes.
    private func slices(_ partition: Partition) throws -> Int {
        #expect(try partition.beginHash(Self.id))
        var slices = 0
        while partition.isHashing(Self.id) {
            _ = partition.hashSlice(Self.id)
            slices += 1
        }
        return slices
    }

    /// The loop is held up by a slice, however large the topic is: what one looks at is bounded.
    @Test func aSliceLooksAtSoManyRecords() throws {
        let partition = try partition(10_000)
        // Entries by 4,096, and what is behind the records.
        #expect(try slices(partition) == 3)
        partition.hashUnits = 10
        #expect(try partition.beginHash(Self.id))
        var small = 0
        var answer: TopicHash?
        while answer == nil {
            answer = partition.hashSlice(Self.id).answer
            small += 1
        }
        #expect(small >= 1_000 && small <= 1_002)
        #expect(try answer == partition.hash(Self.id))
    }

    /// Large rows count for what they are.
    @Test func aSliceIsBoundedInBytesToo() throws {
        let partition = try partition()
        let row = [UInt8](repeating: 7, count: 50_000)
        try commit(partition, (0..<100).map { ($0, row) })
        // 1 MiB a slice.
        #expect(try slices(partition) == 5)
    }

    /// Everything that makes two topics different makes their hashes different.
    @Test func whatATopicIsIsInItsHash() throws {
        var hashes: [String: UInt64] = [:]
        func note(_ name: String, _ partition: Partition) throws {
            hashes[name] = try partition.hash(Self.id).hash
        }
        let same = try partition(50, seed: 1)
        try note("as it is", same)
        #expect(try partition(50, seed: 99).hash(Self.id).hash == hashes["as it is"])
        let value = try partition(50)
        #expect(try value.spoil(Self.id))
        try note("a bit of a row", value)
        let version = try partition(50)
        try commit(version, [(49, [7])])
        try note("a change", version)
        let source = try partition(50)
        try commit(source, [(7, [7])], source: 2)
        try note("who asserts a record", source)
        #expect(try source.describe(Self.id).lastOffset == same.describe(Self.id).lastOffset)
        let deleted = try partition(50)
        try commit(deleted, [(49, nil)])
        try note("a tombstone", deleted)
        let forgotten = try partition(50, options: TopicOptions(tombstoneRetentionMicroseconds: 0))
        try commit(forgotten, [(49, nil)])
        try commit(forgotten, [(48, [1])], time: 10)
        try note("a tombstone forgotten", forgotten)
        let remembered = try partition(50)
        try commit(remembered, [(49, nil)])
        try commit(remembered, [(48, [1])], time: 10)
        try note("the same remembered", remembered)
        let truncated = try partition(50)
        _ = try truncated.apply(
            try #require(
                try truncated.truncate(Self.id, time: Timestamp(microseconds: 2), token: 1)))
        try note("a truncation", truncated)
        #expect(Set(hashes.values).count == hashes.count, "\(hashes)")
    }

    /// Which of two sessions was used last says who is forgotten first.
    @Test func sessionsAndTheirOrderAreInTheHash() throws {
        func batch(_ session: UInt64, _ number: UInt64) -> StreamBatch {
            var batch = StreamBatch()
            batch.flags = StreamBatch.numbered | StreamBatch.ofSession
            batch.session = UniqueID(high: session, low: session &* 0x5851_f42d_4c95_7f2d)
            batch.number = number
            batch.count = 1
            return batch
        }
        func table(_ sessions: [UInt64]) -> SessionTable {
            var table = SessionTable()
            var next: [UInt64: UInt64] = [:]
            for session in sessions {
                let number = next[session, default: 1]
                next[session] = number + 1
                let batch = batch(session, number)
                guard case .new = table.begin(batch) else { continue }
                table.finish(
                    batch,
                    SessionAnswer(
                        number: number, count: 1, lastOffset: number, counts: VerdictCounts(),
                        results: []))
            }
            return table
        }
        func hash(_ table: SessionTable, units: Int) -> (UInt64, Int) {
            var hash = SessionHash(table)
            var slices = 1
            while true {
                var units = units
                if let value = hash.goOn(&units) { return (value, slices) }
                slices += 1
            }
        }
        let many = (1...5_000).map { UInt64($0) }
        let whole = hash(table(many), units: 1 << 30)
        #expect(whole.1 == 1)
        let sliced = hash(table(many), units: 100)
        #expect(sliced.0 == whole.0 && sliced.1 > 100)
        // A copy that came in a snapshot counts uses anew.
        var writer = ByteWriter()
        let used = table(many + [3, 3, 3])
        used.encode(into: &writer)
        let copy = try writer.bytes.withUnsafeBytes { bytes in
            var reader = ByteReader(bytes)
            return try SessionTable(from: &reader)
        }
        #expect(hash(copy, units: 64).0 == hash(used, units: 1 << 30).0)
        var seen: Set<UInt64> = [whole.0, hash(used, units: 1 << 30).0]
        #expect(seen.insert(hash(table(many.reversed()), units: 1 << 30).0).inserted)
        #expect(seen.insert(hash(table([1, 2]), units: 9).0).inserted)
        #expect(seen.insert(hash(table([2, 1]), units: 9).0).inserted)
        #expect(seen.insert(hash(table([2, 1, 1]), units: 9).0).inserted)
        #expect(seen.insert(hash(table([2, 1, 2]), units: 9).0).inserted)
    }

    /// The leader's number comes before or after a node is through: it is compared at either.
    @Test func aBitThatFlipsInALargeTopicIsFoundAtAMark() throws {
        let leader = try partition(3_000)
        let follower = try partition(3_000, seed: 2)
        for partition in [leader, follower] { partition.hashUnits = 64 }
        #expect(try follower.spoil(Self.id))
        for partition in [leader, follower] { try mark(partition, 5) }
        #expect(leader.looksFor(Self.id) == 5 && leader.look(Self.id) == nil)
        while leader.isHashing(Self.id) { _ = leader.hashSlice(Self.id) }
        let look = try #require(leader.look(Self.id))
        let said = look.check.entry(Self.id, time: Timestamp(microseconds: 2))
        #expect(try leader.apply(said).divergence == nil)
        // The follower keeps the number until it is through.
        #expect(try follower.apply(said).divergence == nil)
        // A mark of another leader finds it walking, and is passed over.
        try mark(follower, 6)
        #expect(follower.looksFor(Self.id) == 5)
        var found: StateDivergence?
        while follower.isHashing(Self.id) {
            found = found ?? follower.hashSlice(Self.id).divergence
        }
        #expect(found?.leaders == look.hash.hash && found?.own != look.hash.hash)
        #expect(found?.topic == Self.id)
        // Who is through before the leader compares when it hears.
        #expect(try follower.apply(said).divergence == found)
    }

    /// Hashes of an earlier kind in a log are nobody's.
    @Test func aMarkOfAnEarlierKindIsPassedOver() throws {
        let partition = try partition(10)
        let entry = EntryHeader(
            kind: .mark, topic: Self.id, time: Timestamp(microseconds: 1)
        ).entry { writer in
            writer.integer(UInt64(4))
            writer.integer(UInt8(1))
        }
        #expect(try partition.apply(entry).mark == LogMark(4))
        #expect(partition.look(Self.id) == nil && !partition.isHashing(Self.id))
        let said = StateCheck(number: 4, hash: 1).entry(
            Self.id, time: Timestamp(microseconds: 1))
        #expect(try partition.apply(said).divergence == nil)
    }

    /// A walk ends with its topic, and with the state that a snapshot takes the place of.
    @Test func aTopicThatGoesTakesItsWalksWithIt() throws {
        let partition = try partition(1_000)
        partition.hashUnits = 10
        try mark(partition, 1)
        #expect(try partition.beginHash(Self.id))
        #expect(try !partition.beginHash(Self.id), "one question at a time")
        _ = partition.hashSlice(Self.id)
        _ = try partition.apply(dropEntry(Self.id))
        #expect(!partition.isHashing(Self.id))
        let slice = partition.hashSlice(Self.id)
        #expect(!slice.goesOn && slice.answer == nil && slice.look == nil)
        #expect(throws: ThalwegError.self) { try partition.beginHash(Self.id) }

        let other = try self.partition(1_000)
        other.hashUnits = 10
        try mark(other, 1)
        let twin = other.emptyTwin()
        var snapshot = other.beginSnapshot()
        while let block = other.nextBlock(&snapshot, limit: 1_000) { try twin.load(block) }
        other.replace(with: twin)
        #expect(!other.isHashing(Self.id) && other.look(Self.id) == nil)
        let said = StateCheck(number: 1, hash: 1).entry(
            Self.id, time: Timestamp(microseconds: 2))
        #expect(try other.apply(said).divergence == nil)
        try mark(other, 2)
        #expect(other.looksFor(Self.id) == 2)
    }
}
