/// What shall go wrong in a `FaultyStorage`. Counts begin with 1 when the faults are set.
public struct StorageFaults: Sendable {
    /// The power fails within the n-th call that changes something: that call does part of its
    /// work, and everything fails from then on until `crash()`.
    public var powerCutAtOperation: Int?
    /// The n-th sync (of a file or the directory) fails. What it should have kept is marked clean
    /// all the same, as kernels do: a later sync succeeds and a crash loses it.
    public var failingSynchronization: Int?
    /// Writes and allocations that make all files together larger than this fail with `diskFull`.
    public var capacityBytes: Int?
    /// Bytes that may still be written; then `diskFull`, also within allocated space (as on file
    /// systems that copy on write).
    public var writableBytes: Int?
    /// Reads and writes move a random part of what was asked.
    public var areTransfersShort = false
    /// The n-th write fails as a whole, with `storageFailed`.
    public var failingWrite: Int?

    public init() {}
}
