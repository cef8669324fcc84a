import ThalwegModel
import ThalwegWire

/// One connection of the load generator: blocking, one request at a time, plus raw frames for the
/// load itself. One thread at a time uses it.
final class BenchConnection: @unchecked Sendable {
    let socket: TCPSocket
    private var buffer = FrameBuffer()
    private var lastRequest: UInt32 = 0
    /// Bytes that ``frames(verifies:_:)`` needs for its next frame.
    private var wanted = FrameHeader.size
    private(set) var source = SourceID.none
    /// Error frames that answered nothing which was asked.
    private(set) var unaskedErrors: [ThalwegError] = []

    /// Connects and shakes hands. The source outlives an hour of silence: a scenario's phases must
    /// not retract each other's records.
    init(
        _ endpoint: Endpoint, claim: SourceClaim, name: String,
        session: UniqueID = UniqueID(high: 0, low: 0)
    ) throws {
        socket = try TCPSocket.connect(to: endpoint)
        var hello = Hello(clientName: name, claim: claim)
        hello.heartbeatMilliseconds = 1_200_000
        hello.livenessDeadlineMilliseconds = 3_600_000
        hello.session = session
        source = try request(hello, answer: Welcome.self).source
    }

    /// Sends a whole frame that was made elsewhere. Where the server closed the connection, throws
    /// what it said before.
    func send(_ frame: UnsafeRawBufferPointer) throws {
        do {
            try socket.send(frame)
        } catch {
            throw lastWords() ?? error
        }
    }

    func send(_ frame: [UInt8]) throws {
        try frame.withUnsafeBytes { try send($0) }
    }

    /// Sends a request and gives its answer; throws the error that the server answered.
    func request<Request: Message, Answer: Message>(
        _ message: Request,
        answer: Answer.Type
    ) throws -> Answer {
        let number = nextRequest()
        try send(Frame.bytes(message, requestID: number))
        return try self.answer(to: number) { frame in
            guard frame.header.type == Answer.frameType else {
                throw ThalwegError(
                    .invalidFrame,
                    "\(Request.frameType) was answered by frame type \(frame.header.rawType)"
                )
            }
            return try Answer(frame.payload)
        }
    }

    func nextRequest() -> UInt32 {
        lastRequest += 1
        return lastRequest
    }

    /// Waits for the answer to request `number` and lends it.
    func answer<Result>(
        to number: UInt32,
        _ body: (ReceivedFrame) throws -> Result
    ) throws -> Result {
        while true {
            var result: Result?
            var splitter = FrameSplitter(buffer.received)
            while result == nil, let frame = try splitter.next() {
                if frame.header.type == .error {
                    let error = try ErrorMessage(frame.payload).error
                    guard frame.header.requestID != number, frame.header.requestID != 0 else {
                        throw error
                    }
                    unaskedErrors.append(error)
                } else if frame.header.requestID == number, frame.header.type != .changes {
                    // The request id of changes is their subscription's number.
                    result = try body(frame)
                }
            }
            buffer.drop(splitter.consumed)
            if let result { return result }
            guard try buffer.receive(from: socket, wanted: splitter.wanted) != 0 else {
                throw ThalwegError(
                    .connectionLost,
                    "the server closed the connection before it answered",
                    advice: "look into the server's log"
                )
            }
        }
    }

    /// Creates the topic, or finds it as it is.
    func createTopic(_ definition: TopicDefinition) throws -> TopicInfo {
        let number = nextRequest()
        try send(Frame.bytes(CreateTopic(definition), requestID: number))
        let info = try answer(to: number) { frame in
            frame.header.type == .topicInfo ? try TopicInfo(frame.payload) : nil
        }
        return try info ?? request(DescribeTopic(definition.name), answer: TopicInfo.self)
    }

    /// Reads records by key and lends the answer.
    func get<Result>(
        _ topic: TopicID,
        keys: [UInt64],
        _ body: (inout RecordCursor) throws -> Result
    ) throws -> Result {
        let number = nextRequest()
        try send(Frame.bytes(GetRequest(topic, keys: keys.map(Key.u64)), requestID: number))
        return try answer(to: number) { frame in
            var cursor = try Self.records(frame.header, frame.payload)
            return try body(&cursor)
        }
    }

    /// What a get was answered with; throws where it is something else.
    static func records(
        _ header: FrameHeader,
        _ payload: UnsafeRawBufferPointer
    ) throws -> RecordCursor {
        guard header.type == .records else {
            throw ThalwegError(
                .invalidFrame,
                "a get was answered by frame type \(header.rawType)"
            )
        }
        return try RecordCursor(records: payload, kind: .u64)
    }

    /// The server's counters by name.
    func status() throws -> [String: UInt64] {
        let info = try request(StatusRequest(), answer: StatusInfo.self)
        return Dictionary(info.counters.map { ($0.name, $0.value) }) { first, _ in first }
    }

    /// Asks for the barrier; ``awaitFlush(_:)`` waits for it, so that many can be under way.
    func beginFlush() throws -> UInt32 {
        let number = nextRequest()
        try send(Frame.bytes(Flush(), requestID: number))
        return number
    }

    func awaitFlush(_ number: UInt32) throws {
        try answer(to: number) { frame in
            guard frame.header.type == .flushed else {
                throw ThalwegError(
                    .invalidFrame,
                    "a flush was answered by frame type \(frame.header.rawType)"
                )
            }
        }
    }

    /// Lends the frames that are there to `body` without waiting, receiving at most once; `false`
    /// where the server has closed.
    ///
    /// - Parameter verifies: check the sums, which costs a pass over every byte.
    func frames(
        verifies: Bool,
        _ body: (FrameHeader, UnsafeRawBufferPointer) throws -> Void
    ) throws -> Bool {
        let count = try buffer.receive(from: socket, wanted: wanted, waits: false)
        let received = buffer.received
        var used = 0
        wanted = FrameHeader.size
        while received.count - used >= FrameHeader.size {
            let header = try FrameHeader(UnsafeRawBufferPointer(rebasing: received[used...]))
            guard header.payloadCount <= Limits.frameBytes else {
                throw ThalwegError(
                    .frameTooLarge,
                    "the server announced \(header.payloadCount) bytes"
                )
            }
            wanted = FrameHeader.size + Int(header.payloadCount)
            guard received.count - used >= wanted else { break }
            let payload = UnsafeRawBufferPointer(
                rebasing: received[used + FrameHeader.size..<used + wanted]
            )
            guard !verifies || header.isIntact(payload) else {
                throw ThalwegError(.badChecksum, "a frame of type \(header.rawType) is damaged")
            }
            try body(header, payload)
            used += wanted
        }
        buffer.drop(used)
        return count != 0
    }

    /// Waits until something comes and lends the whole frames that are there then.
    func receiveFrames(
        _ body: (FrameHeader, UnsafeRawBufferPointer) throws -> Void
    ) throws {
        socket.awaitReadable(milliseconds: 60_000)
        guard try frames(verifies: true, body) else {
            throw ThalwegError(
                .connectionLost, "the server closed the connection",
                advice: "look into the server's log")
        }
    }

    /// The error frame that the server sent before it closed, if one is there.
    private func lastWords() -> ThalwegError? {
        while let count = try? buffer.receive(from: socket, waits: false), count > 0 {}
        var splitter = FrameSplitter(buffer.received)
        while let frame = try? splitter.next() {
            guard frame.header.type == .error else { continue }
            return (try? ErrorMessage(frame.payload))?.error
        }
        return nil
    }
}
