import Synchronization
import ThalwegModel

/// What `thalweg.connections` tells of a connection. Any thread may look.
final class ConnectionFacts: Sendable {
    struct Identity: Sendable {
        var clientName = ""
        var source = SourceID.none
    }

    /// The connection's number, 1, 2, 3… while the process runs.
    let number: UInt64
    let address: String
    let since: Timestamp
    let identity = Mutex(Identity())
    let bytesIn = Atomic<UInt64>(0)
    let subscriptions = Atomic<UInt64>(0)

    private static let numbers = Atomic<UInt64>(0)

    init(address: String, since: Timestamp) {
        number = ConnectionFacts.numbers.wrappingAdd(1, ordering: .relaxed).newValue
        self.address = address
        self.since = since
    }
}
