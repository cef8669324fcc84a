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

    /// Waiters leave in steps of all sizes: in order, and with some that stay for long.
    @Test(arguments: [1, 3, 7, 1_000, 40_000])
    func everyTokenGivesItsWaiterOnce(step: Int) {
        var table = WaiterTable()
        let called = Called()
        var waiting: [UInt64] = []
        var given: [UInt64] = []
        for number in 0..<100_000 as Range<UInt64> {
            let token = table.add(Self.waiter(number, called))
            #expect(token == number + 1)
            // Every hundredth waits until the end.
            if number % 100 != 0 { waiting.append(token) }
            guard waiting.count == step else { continue }
            for token in waiting {
                let found = table[token] != nil
                Self.call(table.take(token))
                given.append(token - 1)
                if !found || table.take(token) != nil || table[token] != nil {
                    Issue.record("waiter \(token) was there \(found ? "twice" : "never")")
                }
            }
            waiting = []
        }
        #expect(called.numbers.withLock { $0 } == given)
        called.numbers.withLock { $0 = [] }
        for waiter in table.takeAll() { Self.call(waiter) }
        let rest = Set(0..<100_000 as Range<UInt64>).subtracting(given)
        #expect(called.numbers.withLock { $0 } == rest.sorted())
        #expect(table.isEmpty)
    }

    @Test func tokensGoOnWhenAllAreTaken() {
        var table = WaiterTable()
        let called = Called()
        let first = table.add(Self.waiter(1, called))
        #expect(table.takeAll().count == 1 && table.isEmpty)
        #expect(table.take(first) == nil)
        #expect(table.add(Self.waiter(2, called)) == first + 1)
        #expect(!table.isEmpty)
    }
}
