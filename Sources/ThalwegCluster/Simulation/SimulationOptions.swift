/// A simulated run. The same options give the same run, to the last message.
public struct SimulationOptions: Sendable {
    public var seed: UInt64
    /// Founding members, 1–7.
    public var nodes = 3
    /// Virtual time with faults.
    public var milliseconds: UInt64 = 10_000
    /// The calm that follows, in which writes must go on and then everything come to rest.
    public var calmMilliseconds: UInt64 = 9_000
    public var faults = Set(SimulationFault.allCases)
    /// Clients that write without a pause, each the keys of its own.
    public var clients = 4

    public init(seed: UInt64) {
        self.seed = seed
    }
}
