import Testing

@testable import ThalwegEngine

/// The index beside a dictionary from slot to hash.
private struct IndexTwin: ~Copyable {
    var index = KeyIndex()
    var hashes: [UInt32: UInt64] = [:]
    var slots: [UInt32] = []
    var nextSlot: UInt32 = 1

    mutating func insert(_ hash: UInt64) {
        index.insert(hash, slot: nextSlot)
        hashes[nextSlot] = hash
        slots.append(nextSlot)
        nextSlot += 1
    }

    mutating func remove(_ random: inout RandomSource) {
        guard !slots.isEmpty else { return }
        let at = random.below(slots.count)
        let slot = slots[at]
        slots.swapAt(at, slots.count - 1)
        slots.removeLast()
        index.remove(hashes.removeValue(forKey: slot) ?? 0, slot: slot)
    }

    mutating func replace(_ random: inout RandomSource) {
        guard !slots.isEmpty else { return }
        let at = random.below(slots.count)
        let slot = slots[at]
        let hash = hashes.removeValue(forKey: slot) ?? 0
        index.replace(hash, slot: slot, with: nextSlot)
        hashes[nextSlot] = hash
        slots[at] = nextSlot
        nextSlot += 1
    }

    func check() {
        index.checkInvariants()
        #expect(index.count == hashes.count)
        for (slot, hash) in hashes {
            #expect(index.find(hash) { $0 == slot } == slot)
        }
        var walked: [UInt32] = []
        for part in 0..<KeyIndex.partsInAll { index.forEach(inPart: part) { walked.append($0) } }
        #expect(walked.sorted() == slots.sorted())
    }
}

@Suite struct KeyIndexTests {
    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func insertingRemovingAndReplacingAgreeWithADictionary(seed: UInt64) {
        var random = RandomSource(seed: seed)
        var twin = IndexTwin()
        // Few tags, so that many collide; or tags near the end, where runs meet the last cell.
        let mask: UInt64 = [0xffff_ffff, 0x3f, 0xff00_0000, 0xffff_fff0][Int(seed - 1)]
        for step in 1...20_000 {
            let hash = seed == 4 ? random.next() | mask : random.next() & (mask | ~0xffff_ffff)
            switch random.below(10) {
            case 0..<5: if twin.slots.count < 800 { twin.insert(hash) }
            case 5..<9: twin.remove(&random)
            default: twin.replace(&random)
            }
            if step % 1_000 == 0 { twin.check() }
        }
        while !twin.slots.isEmpty { twin.remove(&random) }
        twin.check()
    }

    @Test func growingThroughTheSplitKeepsEveryEntry() {
        var random = RandomSource(seed: 5)
        var twin = IndexTwin()
        while twin.slots.count < 65_535 { twin.insert(random.next()) }
        twin.check()
        twin.insert(random.next())
        twin.insert(random.next())
        twin.check()
        while twin.slots.count < 100_000 { twin.insert(random.next()) }
        for _ in 0..<20_000 { twin.remove(&random) }
        twin.check()
        #expect(twin.index.bytes < 80_000 * 8 * 2)
    }

    @Test func aSlotThatIsNotThereIsNotFound() {
        var index = KeyIndex()
        #expect(index.find(7) { _ in true } == 0)
        index.insert(7, slot: 9)
        #expect(index.find(7) { _ in false } == 0)
        #expect(index.find(8) { _ in true } == 0)
        #expect(index.firstCandidate(7) == 9)
        // Other high bits, the same tag: a candidate, which its key then refuses.
        #expect(index.firstCandidate(7 | 1 << 60) == 9)
    }
}

@Suite struct KeyHashTests {
    private func hash(_ hash: KeyHash, _ key: [UInt8]) -> UInt64 {
        key.withUnsafeBytes { hash.hash($0) }
    }

    @Test(arguments: [0, 1, 0xdead_beef_0123_4567] as [UInt64])
    func sequentialKeysDoNotCollide(seed: UInt64) {
        let hasher = KeyHash(seed: seed)
        var numbers: Set<UInt64> = []
        var texts: Set<UInt64> = []
        for number in 0..<100_000 as Range<UInt64> {
            numbers.insert(
                withUnsafeBytes(of: number.littleEndian) { hasher.hash($0) })
            let text = "vehicle-\(number)"
            texts.insert(hash(hasher, [UInt8(text.utf8.count)] + Array(text.utf8)))
        }
        #expect(numbers.count == 100_000)
        #expect(texts.count == 100_000)
    }

    @Test func seedsGiveDifferentHashesForEveryLength() {
        var random = RandomSource(seed: 6)
        for count in 1...256 {
            let key = random.bytes(count)
            #expect(hash(KeyHash(seed: 1), key) == hash(KeyHash(seed: 1), key))
            #expect(hash(KeyHash(seed: 1), key) != hash(KeyHash(seed: 3), key))
            var other = key
            other[random.below(count)] ^= 1 << UInt8(random.below(8))
            #expect(hash(KeyHash(seed: 1), key) != hash(KeyHash(seed: 1), other))
        }
    }

    @Test func tagsSpreadOverTheirWholeRange() {
        let hasher = KeyHash(seed: 11)
        var counts = [Int](repeating: 0, count: 256)
        for number in 0..<65_536 as Range<UInt64> {
            let hash = withUnsafeBytes(of: number.littleEndian) { hasher.hash($0) }
            counts[Int((hash >> 24) & 0xff)] += 1
        }
        // 256 expected in each, standard deviation 16.
        #expect(counts.allSatisfy { $0 > 150 && $0 < 370 })
    }
}
