/// What a simulated run came to.
public struct SimulationReport: Sendable {
    /// Promises that were broken, with the virtual time; empty if all is well.
    public var failures: [String] = []
    public var loads: [SimulationLoad] = []
    /// Messages that arrived, timers that fired, syncs that ended…
    public var steps = 0
    public var entries: UInt64 = 0
    public var acknowledged = 0
    public var unknown = 0
    public var leaders = 0
    public var installs = 0
    public var restarts = 0
    public var damages = 0
    public var fullDisks = 0
    public var membershipChanges = 0
    public var messages = 0
    /// Batches that were sent again by their session.
    public var resent = 0
    /// Answers that were given twice, and alike.
    public var repeated = 0
    /// Sources that died.
    public var deaths = 0
    /// Deliveries to readers, and how often one had to start over.
    public var deliveries = 0
    public var resets = 0
    /// Operations whose order was found.
    public var ordered = 0
    /// States of topics that nodes looked at, at marks; and how many while the topic went on.
    public var looks = 0
    public var looksOvertaken = 0
    /// Nodes that found their state to be another than the leader's.
    public var accused = 0
    /// A digest of everything that happened, in order.
    public var trace: UInt64 = 0xcbf2_9ce4_8422_2325

    public init() {}

    mutating func note(_ numbers: UInt64...) {
        for number in numbers { trace = (trace ^ number) &* 0x100_0000_01b3 }
    }
}
