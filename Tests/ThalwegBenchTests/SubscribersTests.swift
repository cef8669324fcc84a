import Testing
import ThalwegModel
import ThalwegWire

@testable import ThalwegBench

/// Answers one subscriber as a server would, then delivers `frames` and waits for the client to go.
private func serveOneSubscriber(_ listener: TCPSocket, frames: [[UInt8]]) throws {
    let socket = try listener.accept()
    var buffer = FrameBuffer()
    while try buffer.receive(from: socket) != 0 {
        var splitter = FrameSplitter(buffer.received)
        while let frame = try splitter.next() {
            let number = frame.header.requestID
            var answer: [UInt8] = []
            switch frame.header.type {
            case .hello:
                answer = try Frame.bytes(
                    Welcome(
                        server: UniqueID(high: 0, low: 0),
                        source: .none,
                        maximumFrameBytes: 1 << 20,
                        maximumWritesPerBatch: 100,
                        serverVersion: "test"
                    ),
                    requestID: number
                )
            case .subscribe:
                answer = try Frame.bytes(
                    Subscribed(subscription: 9, from: .start, tail: Offset(2)),
                    requestID: number
                )
                for frame in frames { answer += frame }
            default: Issue.record("an unexpected frame")
            }
            try answer.withUnsafeBytes { try socket.send($0) }
        }
        buffer.drop(splitter.consumed)
    }
}

private func delivery(
    offsets: ClosedRange<UInt64>,
    flags: ChangesFlags,
    seen: Int64
) throws -> [UInt8] {
    let layout = try RowLayout(Player.schema())
    var values = layout.schema.fields.map(\.type.defaultValue)
    values[12] = .signed(seen)
    let row = try layout.encode(values)
    var writer = ChangesWriter()
    writer.begin(TopicID(1))
    for offset in offsets {
        try Key.u64(offset).encoded().withUnsafeBytes { key in
            row.withUnsafeBytes { row in
                writer.append(
                    .updated,
                    key: key,
                    offset: Offset(offset),
                    version: RecordVersion(1),
                    changedFields: 1 << 12,
                    sources: [SourceID(1)],
                    row: row
                )
            }
        }
    }
    _ = writer.finish(
        flags, resume: Offset(offsets.upperBound), completeAt: Offset(offsets.upperBound))
    return Array(writer.frame(subscription: 9))
}

@Suite struct SubscribersTests {
    @Test func `deliveries are counted, the bootstrap ends and latencies follow`() throws {
        let listener = try TCPSocket.listen(on: Endpoint(host: "127.0.0.1", port: 0))
        let endpoint = Endpoint(host: "127.0.0.1", port: listener.localPort)
        var frames = [
            try delivery(offsets: 1...2, flags: [], seen: 0),
            try delivery(offsets: 3...5, flags: .caughtUp, seen: 0),
        ]
        // Every seventh delivery behind the bootstrap is walked for latencies: the last of these.
        for offset: UInt64 in 6...12 {
            frames.append(
                try delivery(
                    offsets: offset...offset,
                    flags: .caughtUp,
                    seen: wallMicroseconds() - 3_000_000
                )
            )
        }
        let sent = frames
        let server = WorkThread("server") { try serveOneSubscriber(listener, frames: sent) }
        var subscribers: Subscribers? = try Subscribers(
            count: 1,
            endpoint: endpoint,
            topic: TopicID(1),
            bootstrap: true,
            includePrevious: false
        )
        let receiving = subscribers?.start()
        subscribers?.finish(at: Offset(12))
        let result = try #require(try receiving?.join().value)
        subscribers = nil
        _ = try server.join()

        #expect(result.deliveries == 9)
        #expect(result.changes == 12)
        #expect(result.bootstrapChanges == 5)
        #expect(result.bytes == sent.reduce(0) { $0 + $1.count })
        #expect(result.bootstrapSeconds != nil)
        #expect(result.catchUpSeconds != nil)
        #expect(result.ended == 0)
        let latencies = try #require(result.latencies)
        #expect(latencies.count == 1)
        #expect(latencies.maxUs >= 2_990_000)
    }

    @Test func `a new subscriber is caught up with the delivery that says so`() throws {
        let listener = try TCPSocket.listen(on: Endpoint(host: "127.0.0.1", port: 0))
        let endpoint = Endpoint(host: "127.0.0.1", port: listener.localPort)
        let sent = [
            try delivery(offsets: 1...2, flags: .reset, seen: 0),
            try delivery(offsets: 3...5, flags: .caughtUp, seen: 0),
        ]
        let server = WorkThread("server") { try serveOneSubscriber(listener, frames: sent) }
        let caughtUp = try CatchUp(endpoint, TopicID(1), from: .start, timeoutSeconds: 10)
        _ = try server.join()

        #expect(caughtUp.changes == 5)
        #expect(caughtUp.bytes == sent.reduce(0) { $0 + $1.count })
        #expect(caughtUp.resume == Offset(5))
        #expect(caughtUp.wasReset)
        #expect(caughtUp.startedAt < caughtUp.endedAt)
    }

    @Test func `a damaged delivery to a new subscriber is an error`() throws {
        let listener = try TCPSocket.listen(on: Endpoint(host: "127.0.0.1", port: 0))
        let endpoint = Endpoint(host: "127.0.0.1", port: listener.localPort)
        var frame = try delivery(offsets: 1...2, flags: .caughtUp, seen: 0)
        frame[frame.count - 1] ^= 1
        let sent = [frame]
        let server = WorkThread("server") { try serveOneSubscriber(listener, frames: sent) }
        let error = #expect(throws: ThalwegError.self) {
            try CatchUp(endpoint, TopicID(1), from: .start, timeoutSeconds: 10)
        }
        _ = try server.join()
        #expect(error?.code == .badChecksum)
    }

    @Test func `what a bootstrap brings is counted apart from what happens after it`() throws {
        let listener = try TCPSocket.listen(on: Endpoint(host: "127.0.0.1", port: 0))
        let endpoint = Endpoint(host: "127.0.0.1", port: listener.localPort)
        let sent = [
            try delivery(offsets: 1...3, flags: .caughtUp, seen: 0),
            try delivery(offsets: 4...5, flags: [], seen: wallMicroseconds()),
        ]
        let server = WorkThread("server") { try serveOneSubscriber(listener, frames: sent) }
        var subscribers: Subscribers? = try Subscribers(
            count: 1,
            endpoint: endpoint,
            topic: TopicID(1),
            bootstrap: true,
            includePrevious: false,
            latencyStride: 1
        )
        let receiving = subscribers?.start()
        subscribers?.finish(at: Offset(5))
        let result = try #require(try receiving?.join().value)
        subscribers = nil
        _ = try server.join()
        #expect(result.changes == 5)
        #expect(result.bootstrapChanges == 3)
        #expect(result.latencies?.count == 2)
    }
}
