import Testing

@testable import ThalwegServer

@Suite struct DeliveryBudgetTests {
    private let millisecond: Int64 = 1_000_000

    @Test func underWritesADeliveryIsItsShareOfTheTime() {
        var budget = DeliveryBudget(share: 20, now: 0)
        var now: Int64 = 0
        var delivered: Int64 = 0
        // Writes take all that deliveries leave.
        while now < 2_000 * millisecond {
            if budget.nextDelivery(now: now) <= now {
                now += 30 * millisecond
                delivered += 30 * millisecond
                budget.delivered(30 * millisecond, now: now)
            } else {
                now += millisecond
                budget.worked(millisecond)
            }
        }
        let share = Double(delivered) / Double(now)
        #expect(share > 0.17 && share < 0.25, "\(share)")
    }

    @Test func withoutWritesNothingWaits() {
        var budget = DeliveryBudget(share: 20, now: 0)
        var now: Int64 = 0
        for _ in 0..<100 {
            now += 30 * millisecond
            budget.delivered(30 * millisecond, now: now)
            now += 5 * millisecond
            budget.worked(millisecond / 2)
            #expect(budget.nextDelivery(now: now) <= now)
        }
        // And no debt is left of that time when writes come.
        budget.delivered(10 * millisecond, now: now)
        for _ in 0..<400 {
            now += millisecond
            budget.worked(millisecond)
        }
        #expect(budget.nextDelivery(now: now) <= now)
    }

    @Test func noDeliveryWaitsLongerThanTheLongestWait() {
        var budget = DeliveryBudget(share: 1, now: 0)
        budget.worked(3_600_000 * millisecond)
        budget.delivered(1_000 * millisecond, now: 1_000 * millisecond)
        budget.deliveredElsewhere(9_000 * millisecond, now: 1_000 * millisecond)
        let next = budget.nextDelivery(now: 1_000 * millisecond)
        #expect(next == 1_000 * millisecond + DeliveryBudget.longestWait)
    }

    @Test func aWholeShareNeverWaits() {
        var budget = DeliveryBudget(share: 100, now: 0)
        budget.worked(100 * millisecond)
        budget.delivered(50 * millisecond, now: 150 * millisecond)
        #expect(budget.nextDelivery(now: 150 * millisecond) <= 150 * millisecond)
    }
}
