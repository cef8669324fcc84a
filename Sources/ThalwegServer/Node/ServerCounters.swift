import Synchronization

/// Numbers that any thread adds to and STATUS reports.
final class ServerCounters: Sendable {
    let connections = Atomic<Int>(0)
    let accepted = Atomic<UInt64>(0)
    /// Clients of the Redis protocol there have been, each of which has its number.
    let redisClients = Atomic<Int>(0)
    let refusedFrames = Atomic<UInt64>(0)
    let writes = Atomic<UInt64>(0)
    let unchanged = Atomic<UInt64>(0)
    let invalid = Atomic<UInt64>(0)
    let bytesIn = Atomic<UInt64>(0)
    let batches = Atomic<UInt64>(0)
}

extension Atomic where Value == UInt64 {
    func add(_ amount: UInt64) {
        wrappingAdd(amount, ordering: .relaxed)
    }
}
