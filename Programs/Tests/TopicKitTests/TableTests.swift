import Testing

@testable import TopicKit

/// A key whose hash the test chooses.
private struct Chosen: TableKey {
    var number: UInt64
    var tableHash: UInt64
}

@Suite struct TableTests {
    @Test(arguments: [1, 2, 3, 4]) func agreesWithADictionary(seed: UInt64) {
        var random = Generator(state: seed)
        var table = Table<UInt64, UInt64>()
        var model: [UInt64: UInt64] = [:]
        for round in 0..<60_000 {
            // Grows for a while, then shrinks, and grows again.
            let removes = round / 20_000 == 1 ? 7 : 2
            let key = UInt64.random(in: 0..<8_000, using: &random)
            if Int.random(in: 0..<10, using: &random) < removes {
                #expect(table.remove(key) == model.removeValue(forKey: key), "seed \(seed)")
            } else {
                let value = random.next()
                table[key] = value
                model[key] = value
            }
            if table.count != model.count { break }
        }
        #expect(table.count == model.count, "seed \(seed)")
        for key in 0..<8_000 as Range<UInt64> where table[key] != model[key] {
            Issue.record("seed \(seed): key \(key) has \(String(describing: table[key]))")
        }
        var seen: Set<UInt64> = []
        table.visit { key, value in
            #expect(seen.insert(key).inserted && model[key] == value)
        }
        #expect(seen.count == model.count)
    }

    @Test func aCopyIsIndependent() {
        var one = Table<UInt32, String>()
        for key in 0..<1_000 as Range<UInt32> { one[key] = "\(key)" }
        var other = one
        other[5] = nil
        other[6] = "six"
        one[7] = "seven"
        #expect(one.count == 1_000 && other.count == 999)
        #expect(one[5] == "5" && one[6] == "6" && one[7] == "seven")
        #expect(other[5] == nil && other[6] == "six" && other[7] == "7")
    }

    @Test func valuesThatAreObjectsAreKeptAndLetGo() {
        final class Counted {
            let onEnd: () -> Void
            init(_ onEnd: @escaping () -> Void) { self.onEnd = onEnd }
            deinit { onEnd() }
        }
        var ended = 0
        do {
            var table = Table<UInt64, Counted>()
            for key in 0..<500 as Range<UInt64> { table[key] = Counted { ended += 1 } }
            #expect(ended == 0)
            for key in 0..<100 as Range<UInt64> { table[key] = nil }
            #expect(ended == 100)
            for key in 100..<200 as Range<UInt64> { table[key] = Counted { ended += 1 } }
            #expect(ended == 200)
        }
        #expect(ended == 600)
    }

    /// Keys that agree in all the bits of the directory, or in all bits, cost time but no memory
    /// beyond what they need themselves.
    @Test func keysThatCollideAreKept() {
        for shift in [0, 8, 64] as [UInt64] {
            var table = Table<Chosen, UInt64>()
            for number in 0..<2_000 as Range<UInt64> {
                let hash = shift == 64 ? 42 : 0xABCD_0000_0000_0000 | number << shift
                table[Chosen(number: number, tableHash: hash)] = number
            }
            #expect(table.count == 2_000)
            for number in 0..<2_000 as Range<UInt64> {
                let hash = shift == 64 ? 42 : 0xABCD_0000_0000_0000 | number << shift
                #expect(table[Chosen(number: number, tableHash: hash)] == number)
            }
        }
    }
}
