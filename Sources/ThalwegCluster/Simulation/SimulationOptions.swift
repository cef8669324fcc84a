/// A simulated run. The same options give the same run, to the last message.
public struct SimulationOptions: Sendable {
    public var seed: UInt64
    /// Founding members, 1–7.
    public var nodes = 3
    /// Virtual time with faults.
    public var milliseconds: UInt64 = 10_000
    /// The time with faults ends after so many steps, if that is sooner: whatever happens to a node
    /// or a client is one.
    public var steps: Int?
    /// At most so long takes the calm that follows, in which writes must go on and then everything
    /// come to rest.
    public var calmMilliseconds: UInt64 = 9_000
    public var faults = Set(SimulationFault.allCases)
    /// What clients do; without it the seed chooses some kinds, as each finds most when it has the
    /// cluster for itself.
    public var loads: Set<SimulationLoad>?

    /// Nodes compare their states at marks in the log.
    public var comparesStates = true
    /// A bit in the memory of a follower flips then: it must be found at a mark.
    public var spoilsAtMilliseconds: UInt64?

    public init(seed: UInt64) {
        self.seed = seed
    }
}

/// What clients of a simulated cluster do, and have checked.
public enum SimulationLoad: String, Sendable, CaseIterable {
    /// They assert and retract records of their own, through a window.
    case values
    /// Sessions number their writes to a topic that keeps every one, and send them again.
    case ledger
    /// Several sources assert, patch and retract the same records.
    case shared
    /// Reads of the newest state and conditional writes, which must be linearizable.
    case registers
    /// Sources come, go, and die; epochs.
    case presence
    /// Records that expire unless they are asserted again.
    case fleeting
    /// A program moves money between accounts.
    case bank
    /// Topics are created, altered, truncated and dropped.
    case clerk
    /// Readers follow all other topics, from node to node.
    case readers
}
