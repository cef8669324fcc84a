import Synchronization

/// What the partitions of one node take together: `limits.memoryBytes` is for all of them.
///
/// Each says now and then how much it takes (with every 4 MiB of writes to a topic, and with
/// ``Partition/rest()``), so the sum is a little behind. Callable from any thread.
public final class MemoryBudget: Sendable {
    private let taken = Atomic<Int>(0)

    public init() {}

    /// Bytes that the partitions take, as they said last.
    public var bytes: Int { taken.load(ordering: .relaxed) }

    func change(by difference: Int) {
        taken.wrappingAdd(difference, ordering: .relaxed)
    }
}
