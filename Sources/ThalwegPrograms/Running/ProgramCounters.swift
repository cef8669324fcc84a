/// What a program did since it was deployed. The same on every node; part of its image.
public struct ProgramCounters: Hashable, Sendable {
    /// Writes that it was given.
    public internal(set) var writes: UInt64 = 0
    public internal(set) var rejected: UInt64 = 0
    public internal(set) var failed: UInt64 = 0
    /// Output frames, rejects included.
    public internal(set) var frames: UInt64 = 0
    /// Failed writes by kind.
    public internal(set) var faults: [ProgramFault: UInt64] = [:]
    /// It failed too often, and is not run any more.
    public internal(set) var isFaulting = false

    /// The window of writes that faults are counted in, from 0, and how many it has.
    var window: UInt64 = 0
    var faultsInWindow: UInt64 = 0

    /// Counts the write that was just added to `writes`.
    mutating func note(_ fault: ProgramFault, _ limits: ProgramLimits) {
        failed += 1
        faults[fault, default: 0] += 1
        let weight = limits.weight(fault)
        guard weight > 0 else { return }
        let current = (writes - 1) / max(limits.faultWindow, 1)
        if current != window {
            window = current
            faultsInWindow = 0
        }
        faultsInWindow += weight
        isFaulting = isFaulting || faultsInWindow > limits.faults
    }

    /// Counts a batch of writes that was refused as a whole for one of them; nothing that they did
    /// counts. `fault` is `nil` where the program rejected the one.
    mutating func noteRefused(
        _ count: Int, for fault: ProgramFault?, _ limits: ProgramLimits
    ) {
        writes += UInt64(count)
        guard let fault else {
            rejected += UInt64(count)
            return
        }
        failed += UInt64(count - 1)
        note(fault, limits)
    }
}
