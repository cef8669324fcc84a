import Glibc
import ThalwegModel
import ThalwegWire

/// What a new subscriber received until it held the whole topic.
///
/// It does what a client must: it checks every sum and decodes every change, but keeps no rows.
struct CatchUp: Sendable {
    /// Changes, each of another record.
    var changes = 0
    /// Of whole frames.
    var bytes = 0
    /// From the sending of SUBSCRIBE until the delivery that says "caught up" was decoded.
    var seconds = 0.0
    /// Where to resume.
    var resume = Offset.start
    /// The server told to forget what was held: the offset was too old.
    var wasReset = false
    /// On the clock of ``monotonicNanoseconds()``.
    var startedAt: UInt64 = 0
    var endedAt: UInt64 = 0

    /// Subscribes on a connection of its own, receives until caught up, and goes.
    ///
    /// Throws what the server answers, and `timed_out` after `timeoutSeconds`.
    init(
        _ endpoint: Endpoint,
        _ topic: TopicID,
        from start: SubscriptionStart,
        timeoutSeconds: Int = 300
    ) throws {
        let connection = try BenchConnection(endpoint, claim: .readOnly, name: "bench-catch-up")
        startedAt = monotonicNanoseconds()
        try connection.send(
            Frame.bytes(Subscribe(topic, from: start), requestID: connection.nextRequest())
        )
        let deadline = startedAt + UInt64(timeoutSeconds) * 1_000_000_000
        var isCaughtUp = false
        while !isCaughtUp {
            guard monotonicNanoseconds() < deadline else {
                throw ThalwegError(
                    .timedOut,
                    "the subscriber was not caught up after \(timeoutSeconds) s",
                    advice: "use fewer entities or a lower rate"
                )
            }
            connection.socket.awaitReadable(milliseconds: 100)
            let isOpen = try connection.frames(verifies: true) { header, payload in
                switch header.type {
                case .changes: isCaughtUp = try received(payload) || isCaughtUp
                case .error: throw try ErrorMessage(payload).error
                case .subscriptionEnded:
                    let ended = try SubscriptionEnded(payload)
                    throw ThalwegError(ended.code, "the subscription ended: \(ended.message)")
                default: break
                }
            }
            guard isOpen || isCaughtUp else {
                throw ThalwegError(
                    .connectionLost,
                    "the server closed the connection of a subscriber",
                    advice: "look into the server's log"
                )
            }
        }
        endedAt = monotonicNanoseconds()
        seconds = Double(endedAt - startedAt) / 1e9
    }

    /// Whether this delivery is the last of the catching up.
    private mutating func received(_ payload: UnsafeRawBufferPointer) throws -> Bool {
        var cursor = try ChangeCursor(payload, kind: .u64)
        while try cursor.next() != nil { changes += 1 }
        bytes += FrameHeader.size + payload.count
        resume = cursor.resume
        if cursor.flags.contains(.reset) { wasReset = true }
        return cursor.flags.contains(.caughtUp)
    }
}

/// The middle of some figures; of an even number of them the upper of the two.
func median(_ values: [Double]) -> Double? {
    values.isEmpty ? nil : values.sorted()[values.count / 2]
}
