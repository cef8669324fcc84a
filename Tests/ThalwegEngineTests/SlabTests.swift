import Testing

@testable import ThalwegEngine

@Suite struct SlabTests {
    @Test func everySizeHasTheSmallestClassThatHoldsIt() {
        for bytes in [1, 8, 9, 1_024, 1_025, 4_096, 65_536, 1 << 20, (1 << 20) + 400] {
            let index = SizeClass.index(bytes: bytes)
            #expect(index <= SizeClass.count)
            #expect(SizeClass.granules(index) * 8 >= bytes)
            if index > 1 { #expect(SizeClass.granules(index - 1) * 8 < bytes) }
        }
        for index in 2...SizeClass.count {
            #expect(SizeClass.granules(index) > SizeClass.granules(index - 1))
            #expect(SizeClass.index(bytes: SizeClass.granules(index) * 8) == index)
        }
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func chunksKeepTheirBytesAndNeverOverlap(seed: UInt64) {
        var random = RandomSource(seed: seed)
        var slab = Slab()
        var chunks: [(slot: UInt32, bytes: Int, fill: UInt8)] = []
        var classes: [UInt32: Int] = [:]
        for _ in 0..<20_000 {
            if chunks.count < 400, random.once(in: 2) {
                let bytes = 29 + random.below(random.pick([60, 400, 3_000, 70_000]))
                let fill = UInt8(random.below(256))
                let slot = slab.allocate(bytes: bytes)
                #expect(slot != 0)
                #expect(UInt(bitPattern: slab.address(slot)) % 8 == 0)
                // A slot is for ever the start of a chunk of one class.
                let size = SizeClass.index(bytes: bytes)
                #expect(classes[slot, default: size] == size)
                classes[slot] = size
                slab.address(slot).initializeMemory(as: UInt8.self, repeating: fill, count: bytes)
                chunks.append((slot, bytes, fill))
            } else if !chunks.isEmpty {
                let at = random.below(chunks.count)
                chunks.swapAt(at, chunks.count - 1)
                let (slot, bytes, fill) = chunks.removeLast()
                let memory = UnsafeRawBufferPointer(start: slab.address(slot), count: bytes)
                #expect(memory.first == fill && memory.last == fill && memory[bytes / 2] == fill)
                slab.release(slot, bytes: bytes)
                #expect(!Record(slab.address(slot)).isLive)
            }
        }
        var ranges: [Range<Int>] = []
        for chunk in chunks {
            let start = Int(chunk.slot)
            let granules = SizeClass.granules(SizeClass.index(bytes: chunk.bytes))
            ranges.append(start..<start + granules)
        }
        ranges.sort { $0.lowerBound < $1.lowerBound }
        for (left, right) in zip(ranges, ranges.dropFirst()) {
            #expect(left.upperBound <= right.lowerBound)
        }
    }

    @Test func aReleasedChunkIsTheNextOfItsClass() {
        var slab = Slab()
        let first = slab.allocate(bytes: 100)
        let second = slab.allocate(bytes: 100)
        let used = slab.bytesUsed
        slab.release(first, bytes: 100)
        slab.release(second, bytes: 97)
        #expect(slab.bytesFree == 2 * 104)
        #expect(slab.allocate(bytes: 99) == second)
        #expect(slab.allocate(bytes: 104) == first)
        #expect(slab.bytesFree == 0 && slab.bytesUsed == used)
    }

    @Test func aSlabLargerThanAHugePageGrowsWithoutLosingBytes() {
        var slab = Slab()
        var slots: [UInt32] = []
        for number in 0..<40_000 {
            let slot = slab.allocate(bytes: 512)
            slab.address(slot).storeBytes(of: number, as: Int.self)
            slots.append(slot)
        }
        #expect(slab.bytesUsed > 16 << 20)
        #expect(
            slots.enumerated().allSatisfy { slab.address($1).load(as: Int.self) == $0 })
    }
}
