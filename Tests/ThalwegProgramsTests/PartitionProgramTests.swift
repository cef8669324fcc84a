import Testing
import ThalwegEngine
import ThalwegModel
import ThalwegPrograms
import ThalwegWire

/// Partitions that get the same writes in entries of other sizes, or go on from a snapshot, agree on
/// answers, records, history and the program's state.
@Suite(.enabled(if: TestPrograms.canRun, TestPrograms.advice)) struct PartitionProgramTests {
    private static let limits = {
        var limits = ProgramLimits()
        limits.fuelPerWrite = 2_000_000
        return limits
    }()

    /// Keys among 64, numbers whose remainders ask `poison.c` for every kind of end.
    private static func writes(_ seed: UInt64) -> [(key: UInt64, value: UInt64)] {
        var random = SplitMix(seed: seed)
        return (0..<6_000).map { _ in (random.next() & 63, random.next() & 0xfffff) }
    }

    /// Says which part differs, and where the history does.
    private func expectSame(
        _ one: ProgramPartition, _ other: ProgramPartition, _ comment: Comment? = nil
    ) throws {
        let (one, other) = (try one.state(), try other.state())
        #expect(one.records == other.records, comment)
        #expect(one.history.count == other.history.count, comment)
        let difference = zip(one.history, other.history).first { $0 != $1 }
        #expect(difference == nil, comment)
        #expect(one.figures == other.figures, comment)
        #expect(one.stateHash == other.stateHash, comment)
    }

    @Test(arguments: [1, 2] as [UInt64]) func entriesOfEverySizeGiveTheSame(seed: UInt64) throws {
        let writes = Self.writes(seed)
        let one = try ProgramPartition(limits: Self.limits)
        try one.write(writes, inEntriesOf: 1)
        let verdicts = one.verdicts
        #expect(Set(verdicts) == [.accepted, .rejected, .failed], "seed \(seed) has every verdict")

        for size in [7, 100, 6_000] {
            let other = try ProgramPartition(limits: Self.limits)
            try other.write(writes, inEntriesOf: size)
            #expect(other.verdicts == verdicts, "seed \(seed), entries of \(size)")
            try expectSame(other, one, "seed \(seed), entries of \(size)")
        }

        // The program alone, without partition and log, comes to the same.
        let alone = try TestTopic(
            TestPrograms.module(.poison, limits: Self.limits), limits: Self.limits)
        _ = try alone.write(
            writes.map { TestWrite(key: bytes(of: $0.key), value: bytes(of: $0.value)) })
        let state = try one.state()
        #expect(alone.program.stateHash() == state.stateHash)
        #expect(alone.records.values == state.records)
    }

    @Test(arguments: [(1, 7), (7, 100), (100, 1)])
    func goingOnFromASnapshotGivesTheSame(before: Int, after: Int) throws {
        let writes = Self.writes(3)
        let whole = try ProgramPartition(limits: Self.limits)
        try whole.write(writes, inEntriesOf: 50)
        let first = try ProgramPartition(limits: Self.limits)
        try first.write(Array(writes[..<2_345]), inEntriesOf: before)
        let second = try ProgramPartition(restoring: first, limits: Self.limits)
        try expectSame(second, first)
        try second.write(Array(writes[2_345...]), inEntriesOf: after)
        #expect(first.verdicts + second.verdicts == whole.verdicts)
        try expectSame(second, whole)
    }

    /// What follows a leader is given its entries, and never merges.
    @Test func aFollowerOfTheEntriesAgrees() throws {
        let leader = try ProgramPartition(limits: Self.limits)
        let follower = try ProgramPartition(limits: Self.limits)
        leader.follower = follower
        try leader.write(Self.writes(4), inEntriesOf: 37)
        try expectSame(follower, leader)
    }
}

/// A partition with one topic, in which `poison.c` runs.
private final class ProgramPartition {
    let id = TopicID(1)
    let partition = Partition(seed: 5)
    var verdicts: [Verdict] = []
    var follower: ProgramPartition?
    private var lastToken: UInt64 = 0

    struct State {
        var records: [[UInt8]: [UInt8]] = [:]
        var history: [String] = []
        var stateHash: UInt64
        var figures: ProgramFigures
    }

    init(limits: ProgramLimits) throws {
        partition.programs = ProgramLibrary(path: try TestPrograms.engine().path, limits: limits)
        let definition = TopicDefinition(
            name: "t", keyKind: .u64, schema: nil,
            options: TopicOptions(writes: .every, history: .forever))
        let create = EntryHeader(kind: .createTopic, topic: id, time: Timestamp(microseconds: 0))
            .entry { definition.encode(into: &$0) }
        _ = try create.withUnsafeBytes { try partition.apply($0) }
        let deployment = ProgramDeployment(
            name: "poison", loadsRecords: false, arguments: [],
            module: try TestPrograms.bytes(.poison))
        let deploy = deployment.entry(id, time: Timestamp(microseconds: 0))
        let applied = try deploy.withUnsafeBytes { try partition.apply($0) }
        if let refusal = applied.refusal { throw refusal }
    }

    init(restoring other: ProgramPartition, limits: ProgramLimits) throws {
        partition.programs = ProgramLibrary(path: try TestPrograms.engine().path, limits: limits)
        var snapshot = other.partition.beginSnapshot()
        while let block = other.partition.nextBlock(&snapshot, limit: 1_000) {
            try block.withUnsafeBytes { try partition.load(block: $0) }
        }
    }

    func write(_ writes: [(key: UInt64, value: UInt64)], inEntriesOf size: Int) throws {
        for start in stride(from: 0, to: writes.count, by: size) {
            let part = writes[start..<min(start + size, writes.count)]
            var writer = PackedBatchWriter()
            writer.begin(id, acknowledgement: .committedEach)
            for write in part {
                bytes(of: write.value).withUnsafeBytes { writer.assert(key: write.key, row: $0) }
            }
            try merge(Array(writer.finish(requestID: 1).dropFirst(FrameHeader.size)))
            let sealed = partition.seal(id, time: Timestamp(microseconds: 1_000))
            let entry = try #require(sealed?.entry)
            let applied = try entry.withUnsafeBytes { try partition.apply($0) }
            verdicts += applied.completions.flatMap { $0.results.map(\.verdict) }
            if let follower {
                _ = try entry.withUnsafeBytes { try follower.partition.apply($0) }
            }
        }
    }

    private func merge(_ payload: [UInt8]) throws {
        lastToken += 1
        try payload.withUnsafeBytes { payload in
            var reader = ByteReader(payload)
            let header = try WriteBatchHeader(from: &reader)
            _ = try partition.merge(
                try reader.bytes(reader.remaining), header: header, source: SourceID(3),
                time: Timestamp(microseconds: 1_000), token: lastToken)
        }
    }

    func state() throws -> State {
        let program = try #require(try partition.program(id))
        var state = State(stateHash: program.stateHash, figures: program.figures)
        _ = try partition.changes(id, after: .start) { record in
            if record.isLive { state.records[Array(record.key)] = Array(record.row) }
            return true
        }
        var position = try partition.startOfHistory(id)
        var isAtTail = false
        while !isAtTail {
            var writer = ChangesWriter()
            writer.begin(id)
            let progress = try partition.encodeChanges(
                id, at: &position, query: FeedQuery(tellsEvery: true), limitBytes: 1 << 16,
                into: &writer)
            var cursor = try ChangeCursor(
                writer.finish([], resume: progress.reached).payload, kind: .u64)
            while let change = try cursor.next() {
                let facts = [
                    "\(change.offset) \(change.kind) \(change.version)", "\(Array(change.key))",
                    "\(Array(change.row))", "\(change.sources.map(\.rawValue))",
                    "\(change.origin?.source.rawValue ?? 0)",
                ]
                state.history.append(facts.joined(separator: " "))
            }
            isAtTail = progress.isAtTail
        }
        return state
    }
}
