import Testing
import ThalwegModel
import ThalwegPrograms

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
