import NIOCore
import Synchronization

// Who is delivered to now, and who in the next round: deliveries have a share of the loop's time
// (`DeliveryBudget`) while writes need the rest. Whoever waits keeps its offset and nothing else;
// its delivery, when it comes, is the same walk over more windows.
//
// One round serves everybody who waits, so that no group lives on another's cost.
extension SubscriptionHub {
    /// Of one turn of the loop that serves readers who are behind.
    private static var turnNanoseconds: Int64 { 5_000_000 }

    static var now: Int64 { Int64(NIODeadline.now().uptimeNanoseconds) }

    /// Merging, sealing or applying began at `start` and has ended.
    func worked(since start: Int64) {
        budget.worked(SubscriptionHub.now - start)
    }

    /// What the group's readers have not heard of is told them now, or in the next round.
    func deliverSoon(_ group: SubscriptionGroup) {
        // Conflating saves nothing for those who hear every change.
        if group.key.tellsEvery { return deliver(group) }
        group.isDue = true
        guard mayDeliver() else { return }
        measured { deliver(group) }
    }

    /// As `deliverSoon`, for one reader who is behind.
    func walkSoon(_ place: Int) {
        let tellsEvery = subscribers[place].group?.key.tellsEvery ?? false
        guard tellsEvery || mayDeliver() else {
            waitingWalks.append(id(place))
            return
        }
        measured { walk(place) }
    }

    /// Whether the loop has time for a delivery; if not, there will be a round when it has.
    private func mayDeliver() -> Bool {
        if isRoundScheduled { return false }
        let now = SubscriptionHub.now
        let elsewhere = elsewhereNanoseconds.exchange(0, ordering: .relaxed)
        if elsewhere > 0 { budget.deliveredElsewhere(elsewhere, now: now) }
        let next = budget.nextDelivery(now: now)
        if next <= now { return true }
        scheduleRound(at: next)
        return false
    }

    private func scheduleRound(at time: Int64) {
        isRoundScheduled = true
        loop.scheduleTask(deadline: .uptimeNanoseconds(UInt64(max(0, time)))) { [self] in round() }
    }

    private func round() {
        isRoundScheduled = false
        measured {
            for topic in topics.values {
                for group in topic.groups.values where group.isDue { deliver(group) }
            }
        }
        let start = SubscriptionHub.now
        let walks = waitingWalks
        waitingWalks = []
        for (position, id) in walks.enumerated() {
            guard SubscriptionHub.now - start < SubscriptionHub.turnNanoseconds else {
                waitingWalks.append(contentsOf: walks[position...])
                break
            }
            guard let place = place(id), subscribers[place].stage == .walking else { continue }
            measured { walk(place) }
        }
        if !waitingWalks.isEmpty, !isRoundScheduled {
            let now = SubscriptionHub.now
            scheduleRound(at: max(now, budget.nextDelivery(now: now)))
        }
    }

    private func measured(_ body: () -> Void) {
        let start = SubscriptionHub.now
        body()
        let now = SubscriptionHub.now
        budget.delivered(now - start, now: now)
    }
}
