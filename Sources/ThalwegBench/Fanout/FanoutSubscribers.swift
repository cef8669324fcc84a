import Glibc
import Synchronization
import ThalwegModel
import ThalwegWire

/// Many subscriptions on few connections, and one thread that counts what they get.
///
/// Only the heads of deliveries are read and no sums are checked: the machine is the server's.
final class FanoutSubscribers: @unchecked Sendable {
    /// What all of them received.
    struct Received: Sendable {
        var deliveries = 0
        var changes = 0
        var bytes = 0
        /// Subscriptions that the server ended, and all of a connection that it closed.
        var ended = 0
    }

    /// SUBSCRIBE frames under way on a connection at a time.
    private static let subscribesUnderWay = 100
    /// Everything has arrived once nothing came for so long.
    private static let silenceNanoseconds: UInt64 = 300_000_000
    private static let patienceNanoseconds: UInt64 = 10_000_000_000

    private let connections: [BenchConnection]
    private let subscriptionsOf: [Int]
    let subscribeSeconds: Double
    private var received = Received()
    /// When the writes were over; 0 until then.
    private let finishedAt = Atomic<UInt64>(0)

    var connectionCount: Int { connections.count }

    /// Connects, opens all subscriptions, and returns when all are answered.
    init(
        subscriptions: Int,
        perConnection: Int,
        endpoint: Endpoint,
        _ subscribe: (Int) -> Subscribe
    ) throws {
        let parts = stride(from: 0, to: subscriptions, by: perConnection).map {
            $0..<min(subscriptions, $0 + perConnection)
        }
        subscriptionsOf = parts.map(\.count)
        connections = try parts.indices.map {
            try BenchConnection(endpoint, claim: .readOnly, name: "bench-fanout-\($0)")
        }
        let start = monotonicNanoseconds()
        for (connection, part) in zip(connections, parts) {
            var rest = part
            while !rest.isEmpty {
                let some = rest.prefix(FanoutSubscribers.subscribesUnderWay)
                rest = rest.dropFirst(some.count)
                for number in some {
                    try connection.send(
                        Frame.bytes(subscribe(number), requestID: connection.nextRequest())
                    )
                }
                try FanoutSubscribers.awaitAnswers(some.count, connection)
            }
        }
        subscribeSeconds = Double(monotonicNanoseconds() - start) / 1e9
    }

    private static func awaitAnswers(_ count: Int, _ connection: BenchConnection) throws {
        var answers = 0
        let deadline = monotonicNanoseconds() + patienceNanoseconds
        while answers < count {
            connection.socket.awaitReadable(milliseconds: 100)
            // Deliveries that come already say "caught up" and nothing else: nobody writes yet.
            let isOpen = try connection.frames(verifies: true) { header, payload in
                switch header.type {
                case .subscribed: answers += 1
                case .error: throw try ErrorMessage(payload).error
                default: break
                }
            }
            guard isOpen, answers == count || monotonicNanoseconds() < deadline else {
                throw ThalwegError(
                    .connectionLost,
                    "the server answered \(answers) of \(count) subscriptions",
                    advice: "look into the server's log"
                )
            }
        }
    }

    func start() -> WorkThread<Received> {
        WorkThread("bench-fanout") { try self.receive() }
    }

    /// Ends the thread once nothing more comes, or ten seconds later.
    func finish() {
        _ = finishedAt.compareExchange(
            expected: 0,
            desired: monotonicNanoseconds(),
            ordering: .relaxed
        )
    }

    private func receive() throws -> Received {
        var waiting = connections.map {
            pollfd(fd: $0.socket.descriptor, events: Int16(POLLIN), revents: 0)
        }
        var lastAt = monotonicNanoseconds()
        while !isFinished(lastAt) {
            let ready = retryingInterrupts { poll(&waiting, nfds_t(waiting.count), 20) }
            guard ready > 0 else { continue }
            lastAt = monotonicNanoseconds()
            for index in connections.indices where waiting[index].revents != 0 {
                let isOpen = try connections[index].frames(verifies: false) { header, payload in
                    try count(header, payload)
                }
                guard !isOpen else { continue }
                received.ended += subscriptionsOf[index]
                waiting[index].fd = -1
            }
        }
        return received
    }

    private func isFinished(_ lastAt: UInt64) -> Bool {
        let finished = finishedAt.load(ordering: .relaxed)
        guard finished > 0 else { return false }
        let now = monotonicNanoseconds()
        return now - max(lastAt, finished) > FanoutSubscribers.silenceNanoseconds
            || now - finished > FanoutSubscribers.patienceNanoseconds
    }

    private func count(_ header: FrameHeader, _ payload: UnsafeRawBufferPointer) throws {
        switch header.type {
        case .changes:
            received.deliveries += 1
            received.changes += try ChangeCursor(payload, kind: .u64).count
            received.bytes += FrameHeader.size + payload.count
        case .subscriptionEnded: received.ended += 1
        case .error: throw try ErrorMessage(payload).error
        default: break
        }
    }
}
