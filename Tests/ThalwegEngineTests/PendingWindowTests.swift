import Testing
import ThalwegModel

@testable import ThalwegEngine

@Suite struct PendingWindowTests {
    /// Of a record whose key has no fixed size: nothing of it is kept.
    private let key = UnsafeRawPointer(bitPattern: 8).unsafelyUnwrapped

    @Test(arguments: [1, 2] as [UInt64])
    func runsOfAnArenaAreAlignedAndKeepTheirBytes(seed: UInt64) {
        var random = RandomSource(seed: seed)
        var arena = Arena()
        for _ in 0..<5 {
            var runs: [(UnsafeMutableRawPointer, Int, UInt8)] = []
            for _ in 0..<2_000 {
                let count = random.below(random.pick([1, 100, 5_000, 400_000]))
                let fill = UInt8(random.below(256))
                let run = arena.allocate(count)
                #expect(UInt(bitPattern: run) % 8 == 0)
                run.initializeMemory(as: UInt8.self, repeating: fill, count: min(count, 64))
                runs.append((run, min(count, 64), fill))
                if runs.count > 1_500, count > 100_000 { break }
            }
            for (run, count, fill) in runs {
                let bytes = UnsafeRawBufferPointer(start: run, count: count)
                #expect(bytes.allSatisfy { $0 == fill })
            }
            arena.reset()
        }
    }

    @Test func aSteadyWindowTakesNoMoreMemoryThanItsFirst() {
        var window = PendingWindow()
        var sizes: Set<Int> = []
        for number in 1...50 as ClosedRange<UInt64> {
            window.open(number: number)
            for _ in 0..<5_000 {
                window.reserve(1)
                let index = window.append(PendingWindowTests.entry, committed: 0)
                _ = window.takeRow(window.entries + index, count: 300, key: key)
            }
            sizes.insert(window.bytes)
        }
        #expect(sizes.count == 1)
    }

    @Test func anUnusuallyLargeWindowGivesItsMemoryBack() {
        var window = PendingWindow()
        window.open(number: 1)
        for _ in 0..<200 {
            window.reserve(1)
            let index = window.append(PendingWindowTests.entry, committed: 0)
            _ = window.takeRow(window.entries + index, count: 1 << 20, key: key)
        }
        let large = window.bytes
        for number in 2...20 as ClosedRange<UInt64> {
            window.open(number: number)
            _ = window.scratch(100, key: key)
        }
        #expect(window.bytes < large / 50)
    }

    @Test func aWindowThatShrankIsUsedAgain() {
        var window = PendingWindow()
        for number in 1...3 as ClosedRange<UInt64> {
            window.open(number: number)
            for _ in 0..<2_000 {
                window.reserve(1)
                let index = window.append(PendingWindowTests.entry, committed: number)
                let row = window.takeRow(window.entries + index, count: 100, key: key)
                row.storeBytes(of: UInt64(index), as: UInt64.self)
            }
            for index in 0..<2_000 {
                let row = window.entries[index].row
                #expect(row?.load(as: UInt64.self) == UInt64(index))
                #expect(window.committed[index] == number)
            }
            #expect(window.bytes > 2_000 * 100)
            window.shrink()
            #expect(window.bytes < 1_000 && window.count == 0)
        }
    }

    @Test func aReferenceNamesItsEntryForEveryWindowAndIndex() {
        for window in [1, 255, 256, 257, 1 << 40] as [UInt64] {
            for index in [0, 1, 1_000, PendingWindow.limit] {
                let reference = PendingWindow.reference(window: window, index: index)
                #expect(reference != 0)
                #expect(PendingWindow.index(reference) == index)
                #expect(UInt64(reference >> 24) == window & 0xff)
            }
        }
    }

    @Test func aRowThatFitsStaysWhereItIs() {
        var window = PendingWindow()
        window.open(number: 1)
        window.reserve(1)
        let index = window.append(PendingWindowTests.entry, committed: 0)
        let entry = window.entries + index
        let row = window.takeRow(entry, count: 20, key: key)
        #expect(window.takeRow(entry, count: 24, key: key) == row)
        #expect(window.takeRow(entry, count: 0, key: key) == row)
        #expect(window.takeRow(entry, count: 25, key: key) != row)
    }

    @Test(arguments: [8, 16, 32])
    func aKeyOfAFixedSizeStandsBeforeTheRow(size: Int) throws {
        var window = PendingWindow(keySize: size)
        window.open(number: 1)
        for number in 0..<100 as Range<UInt8> {
            window.reserve(1)
            let index = window.append(PendingWindowTests.entry, committed: 0)
            let bytes = [UInt8](repeating: number, count: size)
            _ = bytes.withUnsafeBytes { key in
                window.takeRow(
                    window.entries + index, count: Int(number),
                    key: key.baseAddress.unsafelyUnwrapped)
            }
        }
        for number in 0..<100 {
            let row = try #require(window.entries[number].row)
            #expect(UInt(bitPattern: row) % 8 == 0)
            let key = window.key(before: row)
            #expect(key.map(Array.init) == [UInt8](repeating: UInt8(number), count: size))
        }
    }

    @Test func onlyTheFirstRowIsSurelyAnother() {
        var entry = PendingWindowTests.entry
        #expect(!entry.isSurelyUpsert)
        entry.row = UnsafeMutableRawPointer(bitPattern: 64)
        #expect(!entry.isSurelyUpsert)
        entry.outcome.wroteFirst()
        #expect(entry.isSurelyUpsert)
        entry.outcome.net = .membership
        entry.outcome.reason = DeletionReason.epoch.rawValue
        #expect(entry.isSurelyUpsert && entry.outcome.net == .membership)
        #expect(entry.outcome.reason == DeletionReason.epoch.rawValue)
        // The second may be the base's again.
        entry.outcome.wroteAgain()
        #expect(!entry.isSurelyUpsert)
        entry.outcome = PendingEntry.Outcome(.nothing, reason: .retracted, baseIsMissing: true)
        entry.outcome.wroteAgain()
        #expect(entry.isSurelyUpsert)
        entry.exists = false
        #expect(!entry.isSurelyUpsert)
    }

    private static var entry: PendingEntry {
        PendingEntry(
            slot: 1, previous: 0, sources: 0, row: nil, rowCount: 0, rowUnits: 0, exists: true,
            outcome: PendingEntry.Outcome(
                .nothing, reason: .retracted, baseIsMissing: false))
    }
}
