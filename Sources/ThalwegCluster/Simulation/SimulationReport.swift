/// What a simulated run came to.
public struct SimulationReport: Sendable {
    /// Promises that were broken, with the virtual time; empty if all is well.
    public var failures: [String] = []
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
    /// A digest of everything that happened, in order.
    public var trace: UInt64 = 0xcbf2_9ce4_8422_2325

    public init() {}

    mutating func note(_ numbers: UInt64...) {
        for number in numbers { trace = (trace ^ number) &* 0x100_0000_01b3 }
    }
}
