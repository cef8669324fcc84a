import NIOCore
import ThalwegModel
import ThalwegWire

@testable import ThalwegClient

/// A connection's state machine and what it said so far, in one line for each action.
struct Story {
    var state: ConnectionState
    /// The request id of the frame sent last.
    private(set) var lastID: UInt32 = 0
    private(set) var lastSubscribe: Subscribe?

    static let server = ServerAddress.network(host: "a", port: 1)

    init(
        _ options: ClientOptions = ClientOptions(name: "story"),
        servers: [ServerAddress] = [Story.server]
    ) {
        state = ConnectionState(options, servers: servers, seed: 42)
    }

    /// A connection that has shaken hands.
    static func ready() -> Story {
        var story = Story()
        _ = story.tell { $0.start() + $0.connected() }
        _ = story.receive(welcome, 1)
        return story
    }

    static let welcome = Welcome(
        server: UniqueID(high: 1, low: 2),
        source: SourceID(3),
        maximumFrameBytes: UInt32(Limits.frameBytes),
        maximumWritesPerBatch: 1 << 20,
        serverVersion: "test"
    )

    static func request(
        _ id: UInt32,
        _ kind: Request.Kind = .repeatable,
        expects: FrameType? = .pong
    ) -> Request {
        Request(
            id: id,
            frame: ByteBuffer(bytes: Frame.bytes(Ping(), requestID: id)),
            kind: kind,
            expects: expects
        )
    }

    static func topicInfo(id: UInt32) -> TopicInfo {
        TopicInfo(
            id: TopicID(id),
            definition: TopicDefinition(name: "players", keyKind: .u64, schema: nil),
            lastOffset: .start,
            liveRecords: 0,
            memoryBytes: 0,
            oldestResumableOffset: .start
        )
    }

    mutating func tell(_ event: (inout ConnectionState) -> [ConnectionAction]) -> [String] {
        event(&state).map { describe($0) }
    }

    mutating func receive(_ message: some Message, _ id: UInt32) -> [String] {
        do {
            return receive(bytes: try Frame.bytes(message, requestID: id))
        } catch {
            return ["\(error)"]
        }
    }

    mutating func receive(bytes: [UInt8]) -> [String] {
        bytes.withUnsafeBytes { bytes in
            do {
                var splitter = FrameSplitter(bytes)
                guard let frame = try splitter.next() else { return ["no frame"] }
                return tell { $0.received(frame) }
            } catch {
                return ["\(error)"]
            }
        }
    }

    mutating func receiveChanges(
        _ number: UInt32,
        resume: UInt64,
        completeAt: UInt64 = 0
    ) -> [String] {
        var writer = ChangesWriter()
        writer.begin(TopicID(5))
        _ = writer.finish(
            [],
            resume: Offset(resume),
            completeAt: Offset(max(resume, completeAt))
        )
        return receive(bytes: Array(writer.frame(subscription: number)))
    }

    mutating func lose() -> [String] {
        tell { $0.lost(ThalwegError(.connectionLost, "cut")) }
    }

    mutating func loseAndGiveDelay() -> Int64? {
        for action in state.lost(ThalwegError(.connectionLost, "cut")) {
            if case .scheduleReconnect(let milliseconds) = action { return milliseconds }
        }
        return nil
    }

    mutating func reconnect() -> [String] {
        let steps = lose() + tell { $0.reconnectDue() }
        return steps + connect()
    }

    /// The connection that was begun shakes hands.
    @discardableResult
    mutating func connect() -> [String] {
        tell { $0.connected() } + receive(Story.welcome, 1)
    }

    /// Asks for a subscription to topic 5, "players".
    mutating func subscribe(notBefore: Offset = .start) {
        _ = tell {
            $0.subscribe(
                SubscriptionStateTests.token,
                Subscribe(TopicID(5), notBefore: notBefore, from: .start),
                topicName: "players",
                keyKind: .u64
            )
        }
    }

    mutating func sendAll() -> [String] {
        var steps: [String] = []
        while let next = state.nextToSend() {
            if let frame = next.frame {
                steps.append(
                    "write \(frame.getInteger(at: 8, endianness: .little, as: UInt32.self) ?? 0)"
                )
            }
            steps += next.actions.map { describe($0) }
        }
        return steps
    }

    private mutating func describe(_ action: ConnectionAction) -> String {
        switch action {
        case .connect(let address):
            return address == Story.server ? "connect" : "connect \(address)"
        case .send(let frame): return "send \(sent(frame))"
        case .wakeSender: return "wake"
        case .disconnect: return "disconnect"
        case .scheduleReconnect(let milliseconds): return "reconnect in \(milliseconds)"
        case .finish(let id, .success): return "finish \(id)"
        case .finish(let id, .failure(let error)): return "fail \(id) \(error.code.name)"
        case .opened(let token, _): return "opened \(token.rawValue)"
        case .deliver(let token, _, let isReset):
            return "deliver \(token.rawValue)" + (isReset ? " reset" : "")
        case .ended(let token, let error): return "ended \(token.rawValue) \(error.code.name)"
        case .changed(.connecting): return "state connecting"
        case .changed(.connected): return "state connected"
        case .changed(.reconnecting(let attempt, let cause, _)):
            return "state reconnecting \(attempt) \(cause.code.name)"
        case .changed(.closed(let error)):
            return "state closed" + (error.map { " \($0.code.name)" } ?? "")
        }
    }

    private mutating func sent(_ frame: [UInt8]) -> String {
        frame.withUnsafeBytes { bytes in
            do {
                let header = try FrameHeader(bytes)
                lastID = header.requestID
                let payload = UnsafeRawBufferPointer(rebasing: bytes[FrameHeader.size...])
                if header.type == .subscribe { lastSubscribe = try Subscribe(payload) }
                return "\(header.type.map { "\($0)" } ?? "?") \(header.requestID)"
            } catch {
                return "\(error)"
            }
        }
    }
}
