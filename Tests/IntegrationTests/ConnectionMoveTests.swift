import Testing
import ThalwegClient
import ThalwegLog
import ThalwegModel
import ThalwegServer
import ThalwegWire

/// A connection goes to the loop of the topic that it reads, in the middle of whatever it does, and
/// nobody can tell.
@Suite(.timeLimit(.minutes(2))) struct ConnectionMoveTests {
    /// What one pipelined story asks, and what answers it.
    private struct Story {
        var frames: [UInt8] = []
        var expected: [UInt32: FrameType] = [:]
        private var lastRequest: UInt32 = 1

        mutating func ask(_ answer: FrameType, _ frame: (UInt32) throws -> [UInt8]) throws {
            lastRequest += 1
            frames += try frame(lastRequest)
            expected[lastRequest] = answer
        }
    }

    private static func write(_ topic: Topic, _ key: UInt64, _ requestID: UInt32) throws -> [UInt8]
    {
        var writer = PackedBatchWriter()
        writer.begin(topic.id, acknowledgement: .committedEach)
        let row = try Sample.row(topic, "n", 0, Int64(key))
        try Key.u64(key).encoded().withUnsafeBytes { key in
            row.withUnsafeBytes { writer.assert(key: key, row: $0) }
        }
        return Array(writer.finish(requestID: requestID))
    }

    private static func greet(
        _ server: TestServer, session: UniqueID = UniqueID(high: 0, low: 0)
    ) throws -> RawConnection {
        let connection = try RawConnection(server.address)
        var hello = Hello(clientName: "raw", claim: .named("raw"))
        hello.isShared = true
        hello.session = session
        try connection.send(try Frame.bytes(hello, requestID: 1))
        let welcome = try connection.receive()
        #expect(welcome?.type == .welcome)
        return connection
    }

    private static func topics(_ server: TestServer) async throws -> [Topic] {
        let client = try await server.connect()
        var topics: [Topic] = []
        for number in 0..<4 {
            topics.append(try await client.topic(Sample.definition("t\(number)")))
        }
        #expect(Set(topics.map { $0.id.rawValue % 2 }).count == 2, "both loops have topics")
        try await client.close()
        return topics
    }

    @Test(arguments: [1, 2, 3, 4, 5, 6, 7, 8] as [UInt64])
    func everyRequestOfAPipelineIsAnsweredOnce(_ seed: UInt64) async throws {
        try await withServer { server in
            let topics = try await Self.topics(server)
            var random = SeededGenerator(seed: seed)
            for round in 0..<20 {
                let connection = try Self.greet(server)
                var story = Story()
                var written: [(topic: Topic, key: UInt64)] = []
                for step in 0..<30 {
                    let topic = topics[Int.random(in: 0..<4, using: &random)]
                    switch Int.random(in: 0..<6, using: &random) {
                    case 0, 1:
                        let key = UInt64(round * 100 + step)
                        try story.ask(.committed) { try Self.write(topic, key, $0) }
                        written.append((topic, key))
                    case 2, 3:
                        try story.ask(.records) {
                            try Frame.bytes(GetRequest(topic.id, keys: [.u64(1)]), requestID: $0)
                        }
                    case 4: try story.ask(.pong) { Frame.bytes(Ping(), requestID: $0) }
                    default: try story.ask(.flushed) { Frame.bytes(Flush(), requestID: $0) }
                    }
                }
                try story.ask(.flushed) { Frame.bytes(Flush(), requestID: $0) }
                var rest = story.frames[...]
                while !rest.isEmpty {
                    let count = min(rest.count, Int.random(in: 1...400, using: &random))
                    try connection.send(Array(rest.prefix(count)))
                    rest = rest.dropFirst(count)
                }
                var answers: [UInt32: FrameType] = [:]
                while answers.count < story.expected.count {
                    let frame = try #require(try connection.receive(), "seed \(seed)")
                    let type = try #require(frame.type)
                    #expect(answers.updateValue(type, forKey: frame.requestID) == nil)
                }
                #expect(answers == story.expected, "seed \(seed)")
                // What it wrote is there, whichever loop took it.
                for (topic, key) in written {
                    try connection.send(
                        try Frame.bytes(GetRequest(topic.id, keys: [.u64(key)]), requestID: 9_999))
                    let frame = try #require(try connection.receive())
                    #expect(frame.type == .records)
                    let isLive = try frame.payload.withUnsafeBytes { bytes in
                        var cursor = try RecordCursor(records: bytes, kind: .u64)
                        return try cursor.next()?.presence == .live
                    }
                    #expect(isLive, "seed \(seed), key \(key)")
                }
            }
        }
    }

    @Test func aSessionIsTakenOverFromAConnectionThatMoves() async throws {
        try await withServer { server in
            let topics = try await Self.topics(server)
            let session = UniqueID(high: 7, low: 7)
            var older = try Self.greet(server, session: session)
            for round in 0..<40 {
                let topic = topics[round % 4]
                try older.send(
                    try Frame.bytes(GetRequest(topic.id, keys: [.u64(1)]), requestID: 2))
                let newer = try Self.greet(server, session: session)
                // The older one is told, behind at most the answer to what it had asked.
                var last: FrameType?
                while let frame = try older.receive() { last = frame.type }
                #expect(last == .error)
                older = newer
            }
        }
    }

    @Test func whatComesAfterIsServedWhereItIs() async throws {
        try await withServer { server in
            let topics = try await Self.topics(server)
            for topic in topics {
                let client = try await server.connect()
                _ = try await client.get(topic, .u64(1))
                let subscription = try await client.subscribe(topic)
                var batch = Batch(topic, acknowledgement: .committed)
                try batch.assert(.u64(5), row: Sample.row(topic, "a"))
                _ = try await client.write(&batch)
                var seen = false
                while !seen, let delivery = try await subscription.next() {
                    seen = try delivery.changes().contains { $0.key == .u64(5) }
                }
                #expect(seen)
                #expect(try await client.get(topics[0], .u64(1)) == nil)
                try await client.close()
            }
        }
    }
}
