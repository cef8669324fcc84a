import Testing

@testable import ThalwegEngine

/// The index beside a dictionary from slot to the offset of its last change.
private struct ChangesTwin: ~Copyable {
    var index = ChangeIndex()
    /// By slot; 0 where the slot has no entry.
    var lastChange: [UInt64]

    init(slots: Int) {
        lastChange = Array(repeating: 0, count: slots + 1)
    }

    mutating func change(_ slot: Int) {
        lastChange[slot] = index.append(slot: UInt32(slot), previous: lastChange[slot])
    }

    mutating func retire(_ slot: Int) {
        guard lastChange[slot] != 0 else { return }
        index.retire(lastChange[slot])
        lastChange[slot] = 0
    }

    mutating func tidy(_ count: Int = 8) {
        let lastChange = lastChange
        index.tidy(segments: count) { slot, offset in lastChange[Int(slot)] == offset }
    }

    func walk(after offset: UInt64) -> [UInt64] {
        var walked: [UInt64] = []
        index.walk(after: offset, ahead: { _ in }) { at, slot in
            if lastChange[Int(slot)] == at { walked.append(at) }
            return true
        }
        return walked
    }

    func check(_ random: inout RandomSource, seed: UInt64 = 0) {
        index.checkInvariants { slot, offset in lastChange[Int(slot)] == offset }
        let all = lastChange.filter { $0 != 0 }.sorted()
        #expect(index.live == all.count)
        #expect(walk(after: 0) == all, "seed \(seed)")
        for _ in 0..<20 {
            let offset = random.next() % (index.last + 3)
            #expect(walk(after: offset) == all.filter { $0 > offset }, "seed \(seed)")
        }
        for slot in lastChange.indices where lastChange[slot] != 0 {
            #expect(index.slot(at: lastChange[slot]) == UInt32(slot), "seed \(seed)")
        }
    }
}

@Suite struct ChangeIndexTests {
    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func anyMixOfChangesIsWalkedAsTheNaiveListIs(seed: UInt64) {
        var random = RandomSource(seed: seed)
        let slots = [40, 600, 3_000, 9_000][Int(seed - 1)]
        var twin = ChangesTwin(slots: slots)
        for step in 1...60_000 {
            // Some records change always, some hardly ever: segments of every density.
            let slot = 1 + (random.once(in: 3) ? random.below(slots) : random.below(slots / 20 + 1))
            if random.once(in: 12) { twin.retire(slot) } else { twin.change(slot) }
            if random.once(in: 50) { twin.tidy(1 + random.below(8)) }
            if step % 10_000 == 0 { twin.check(&random, seed: seed) }
        }
        for slot in 1...slots { twin.retire(slot) }
        twin.check(&random, seed: seed)
        twin.change(1)
        twin.check(&random, seed: seed)
    }

    @Test func memoryStaysProportionalToRecordsThatChangeForEver() {
        var random = RandomSource(seed: 9)
        var twin = ChangesTwin(slots: 1_000)
        var largest = 0
        let changes = RandomRuns.isLong ? 10_000_000 : 1_000_000
        // By pointer, and fewer changes in the short run: debug builds are slow here.
        let state = UnsafeMutablePointer<UInt64>.allocate(capacity: 1_001)
        defer { state.deallocate() }
        state.initialize(repeating: 0, count: 1_001)
        var slot = 1
        for step in 1...changes {
            // The last hundred records rest, so old segments keep an entry for ever.
            slot = slot >= (step > 1_000 ? 900 : 1_000) ? 1 : slot + 1
            state[slot] = twin.index.append(slot: UInt32(slot), previous: state[slot])
            guard step & 1_023 == 0 else { continue }
            twin.index.tidy(segments: 8) { slot, offset in state[Int(slot)] == offset }
            largest = max(largest, twin.index.bytes)
        }
        for slot in 1...1_000 { twin.lastChange[slot] = state[slot] }
        twin.check(&random)
        #expect(largest < 256 << 10, "\(largest) bytes for 1,000 records")
    }

    @Test func entriesOfOldSegmentsMoveToTheArchiveAndAreStillFound() {
        var random = RandomSource(seed: 10)
        // One record of each segment rests there; the other one changes all the time.
        let resting = 9_000
        var twin = ChangesTwin(slots: resting + 1)
        for slot in 1...resting {
            twin.change(slot)
            // As if a whole segment of changes had gone by.
            twin.index.advance(to: twin.index.last + 4_095)
            twin.change(resting + 1)
            if slot % 4 == 0 { twin.tidy() }
        }
        #expect(!twin.index.archiveSlots.isEmpty)
        twin.check(&random)
        for slot in 1...resting where slot % 3 != 0 { twin.retire(slot) }
        twin.tidy()
        twin.check(&random)
        #expect(twin.index.slot(at: twin.lastChange[3]) == 3)
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func restoredEntriesWithAnyGapsAreWalked(seed: UInt64) {
        var random = RandomSource(seed: seed)
        var twin = ChangesTwin(slots: 4_000)
        var offset: UInt64 = 0
        for slot in 1...3_000 {
            offset += 1 + random.next() % random.pick([1, 3, 5_000, 100_000, 30_000_000])
            twin.index.restore(offset, slot: UInt32(slot))
            twin.lastChange[slot] = offset
        }
        twin.check(&random, seed: seed)
        twin.index.advance(to: offset + random.pick([0, 3, 10_000, 1 << 40]))
        for _ in 0..<20_000 {
            let slot = 1 + random.below(4_000)
            if random.once(in: 5) { twin.retire(slot) } else { twin.change(slot) }
            if random.once(in: 50) { twin.tidy() }
        }
        twin.check(&random, seed: seed)
        #expect(twin.index.bytes < 1 << 20)
    }
}
