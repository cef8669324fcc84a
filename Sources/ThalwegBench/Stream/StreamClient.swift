import ThalwegModel
import ThalwegWire

/// One client of `bench topic`: sends numbered batches of one write, a frame each, and times the
/// answer to each.
final class StreamClient: @unchecked Sendable {
    private let connection: BenchConnection
    private let topic: TopicID
    private let messages: Int
    private let inFlight: Int
    /// Of each key in turn, again and again.
    private let values: [[UInt8]]
    private var writer = PackedBatchWriter(capacity: 4_096)
    /// When each message was handed to the socket.
    private var sentAt: [UInt64]
    private var sent = 0
    private var answered = 0
    private var latencies = LatencyRecorder()
    private var errors = 0

    struct Result: Sendable {
        var startedAt: UInt64
        var endedAt: UInt64
        var latencies: LatencyRecorder
        var errors: Int
    }

    /// - Parameter load: what the topic's program takes; `nil` where there is none.
    convenience init(
        _ endpoint: Endpoint, topic: TopicID, session: UniqueID, messages: Int, inFlight: Int,
        valueBytes: Int, load: ProgramLoad?
    ) throws {
        let plain = (0..<valueBytes).map { UInt8(truncatingIfNeeded: $0) }
        try self.init(
            endpoint, topic: topic, session: session, messages: messages, inFlight: inFlight,
            values: (0..<ProgramLoad.keys).map {
                load?.value($0, putBytes: valueBytes) ?? plain
            })
    }

    /// A client that writes the same value to every key.
    convenience init(
        _ endpoint: Endpoint, topic: TopicID, session: UniqueID, messages: Int, inFlight: Int,
        value: [UInt8]
    ) throws {
        try self.init(
            endpoint, topic: topic, session: session, messages: messages, inFlight: inFlight,
            values: Array(repeating: value, count: Int(ProgramLoad.keys)))
    }

    private init(
        _ endpoint: Endpoint, topic: TopicID, session: UniqueID, messages: Int, inFlight: Int,
        values: [[UInt8]]
    ) throws {
        connection = try BenchConnection(
            endpoint, claim: .any, name: "bench-topic", session: session)
        self.topic = topic
        self.messages = messages
        self.inFlight = inFlight
        self.values = values
        sentAt = Array(repeating: 0, count: messages)
    }

    func run() throws -> Result {
        let startedAt = monotonicNanoseconds()
        var outgoing: [UInt8] = []
        while answered < messages {
            outgoing.removeAll(keepingCapacity: true)
            let end = min(messages, answered + inFlight)
            // What the answers that came together made room for goes out together.
            while sent < end { append(to: &outgoing) }
            if !outgoing.isEmpty { try connection.send(outgoing) }
            try connection.receiveFrames { header, payload in
                try note(header, payload)
            }
        }
        return Result(
            startedAt: startedAt, endedAt: monotonicNanoseconds(), latencies: latencies,
            errors: errors)
    }

    private func append(to outgoing: inout [UInt8]) {
        writer.begin(
            topic, acknowledgement: .committedEach,
            numbering: WriteNumbering(number: UInt64(sent + 1), answered: UInt64(answered)))
        let key = sent % values.count
        values[key].withUnsafeBytes { writer.assert(key: UInt64(key), row: $0) }
        outgoing.append(contentsOf: writer.finish(requestID: UInt32(sent + 1)))
        sentAt[sent] = monotonicNanoseconds()
        sent += 1
    }

    /// Answers to writes of one topic come in the order of the writes.
    private func note(_ header: FrameHeader, _ payload: UnsafeRawBufferPointer) throws {
        guard header.type == .committed, header.requestID == UInt32(answered + 1) else {
            guard header.type == .error else {
                throw ThalwegError(
                    .invalidFrame,
                    "message \(answered + 1) was answered by frame type \(header.rawType) of "
                        + "request \(header.requestID)")
            }
            throw try ErrorMessage(payload).error
        }
        let committed = try Committed(payload)
        if committed.counts.accepted != 1 { errors += 1 }
        latencies.record(nanoseconds: monotonicNanoseconds() - sentAt[answered])
        answered += 1
    }
}
