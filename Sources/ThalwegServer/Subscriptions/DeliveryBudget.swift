/// How much of an event loop's time deliveries may take while writes need it.
///
/// A delivery to many readers costs a copy of what changed for each of them. Under writes as fast as
/// they come it would take most of the loop, for windows that the next ones overwrite. So after a
/// delivery that took `t` the next waits until `t` is the configured share of what has passed; what
/// changed meanwhile comes with it, once. While merging and applying take less than a quarter of the
/// time that deliveries leave, nothing waits: there is nobody to make room for.
///
/// A value without a clock: times are nanoseconds that the caller reads.
struct DeliveryBudget {
    /// Percent of the loop's time, 1 to 100.
    let share: Int

    /// Nanoseconds spent on writes, and on deliveries, since the start.
    private(set) var workedInAll: Int64 = 0
    private(set) var deliveredInAll: Int64 = 0
    /// The same since `since`, about.
    private var working: Int64 = 0
    private var delivering: Int64 = 0
    private var since: Int64
    private var free: Int64

    /// Older than this counts for less and less.
    private static let memory: Int64 = 100_000_000
    /// No delivery waits longer, however long the last one took.
    static let longestWait: Int64 = 500_000_000

    init(share: Int, now: Int64) {
        self.share = min(max(share, 1), 100)
        since = now
        free = now
    }

    /// Merging, sealing or applying took `nanoseconds`.
    mutating func worked(_ nanoseconds: Int64) {
        working += max(0, nanoseconds)
        workedInAll += max(0, nanoseconds)
    }

    /// A delivery that ended `now` took `nanoseconds` of this loop.
    mutating func delivered(_ nanoseconds: Int64, now: Int64) {
        delivering += max(0, nanoseconds)
        deliveredInAll += max(0, nanoseconds)
        postpone(nanoseconds, now: now)
    }

    /// A delivery took `nanoseconds` of another loop, which goes on beside this one.
    mutating func deliveredElsewhere(_ nanoseconds: Int64, now: Int64) {
        postpone(nanoseconds, now: now, from: now)
    }

    private mutating func postpone(_ nanoseconds: Int64, now: Int64, from start: Int64? = nil) {
        let pause = max(0, nanoseconds) * Int64(100 - share) / Int64(share)
        free = min(max(free, (start ?? max(free, now)) + pause), now + DeliveryBudget.longestWait)
    }

    /// When the next delivery may begin; not after `now` if it may at once.
    mutating func nextDelivery(now: Int64) -> Int64 {
        if now - since > DeliveryBudget.memory {
            working /= 2
            delivering /= 2
            since += (now - since) / 2
        }
        if isLight(now: now) { free = min(free, now) }
        return free
    }

    /// Writes take less than a quarter of the time that deliveries leave.
    func isLight(now: Int64) -> Bool {
        working * 4 < now - since - delivering
    }
}
