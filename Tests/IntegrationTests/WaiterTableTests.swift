import Synchronization
import Testing
import ThalwegModel

@testable import ThalwegServer

@Suite("Who waits for an answer")
struct WaiterTableTests {
    /// Tells by its number which waiter was given back.
    private static func waiter(_ number: UInt64, _ called: Called) -> Waiter {
        .barrier { _ in called.numbers.withLock { $0.append(number) } }
    }

    private final class Called: Sendable {
        let numbers = Mutex<[UInt64]>([])
    }

    private static func call(_ waiter: Waiter?) {
        if case .barrier(let done)? = waiter { done(nil) }
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func everyTokenGivesItsWaiterOnce(seed: UInt64) {
        var random = SplitMix(state: seed)
        var table = WaiterTable()
        var waiting: Set<UInt64> = []
        let called = Called()
        // As many as fill the table several times over, with some that stay for long.
        for _ in 0..<200_000 {
            if waiting.isEmpty || random.next() % 100 < 51 {
                let token = waiting.isEmpty && table.isEmpty ? 0 : random.next()
                let number = table.add(Self.waiter(token, called))
                #expect(waiting.insert(number).inserted)
                continue
            }
            // Mostly the oldest of a few, sometimes any.
            guard let token = waiting.first else { continue }
            waiting.remove(token)
            #expect(table[token] != nil)
            #expect(table.take(token) != nil)
            #expect(table.take(token) == nil)
            #expect(table[token] == nil)
        }
        #expect(table.takeAll().count == waiting.count)
        #expect(table.isEmpty)
    }

    @Test func aWaiterThatStaysIsFoundBehindAHundredThousandOthers() {
        var table = WaiterTable()
        let called = Called()
        let first = table.add(Self.waiter(1, called))
        for number in 0..<100_000 as Range<UInt64> {
            let token = table.add(Self.waiter(number, called))
            Self.call(table.take(token))
        }
        called.numbers.withLock { $0 = [] }
        let last = table.add(Self.waiter(2, called))
        #expect(last == first + 100_001)
        for waiter in table.takeAll() { Self.call(waiter) }
        #expect(called.numbers.withLock { $0 } == [1, 2])
        #expect(table.isEmpty && table.add(Self.waiter(3, called)) == last + 1)
    }
}
