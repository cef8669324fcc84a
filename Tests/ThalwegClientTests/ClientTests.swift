import NIOCore
import Testing

@testable import ThalwegClient

/// The whole client against a server that says what each test needs.
@Suite(.timeLimit(.minutes(1)))
struct ClientTests {
    static let schema = "health: i32, name: string(16)"
    static let layout = try? RowLayout(Schema(parsing: schema))

    static func definition() throws -> TopicDefinition {
        TopicDefinition(name: "players", keyKind: .u64, schema: try Schema(parsing: schema))
    }

    static func info(id: UInt32 = 5) throws -> TopicInfo {
        TopicInfo(
            id: TopicID(id),
            definition: try definition(),
            lastOffset: Offset(9),
            liveRecords: 2,
            memoryBytes: 100,
            oldestResumableOffset: .start
        )
    }

    static func row(_ health: Int64, _ name: String) throws -> [UInt8] {
        try RowLayout(Schema(parsing: schema)).encode([.signed(health), .string(name)])
    }

    static func committed(_ frame: HeardFrame) -> Reply {
        let count = frame.payload.withUnsafeBytes { bytes in
            UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
        }
        var counts = VerdictCounts()
        counts.accepted = count
        let results = (0..<count).map {
            WriteResult(.accepted, offset: Offset(UInt64($0) + 1), version: RecordVersion(1))
        }
        return Say.this(
            Committed(
                lastOffset: Offset(20),
                counts: counts,
                results: frame.payload[4] == Acknowledgement.committedEach.rawValue ? results : []
            ),
            frame.requestID
        )
    }

    /// Answers everything as a small server would.
    static func obliging() throws -> ScriptedServer.Script {
        let info = try info()
        let row = try row(100, "Ada")
        return { _, frame in
            let id = frame.requestID
            switch frame.type {
            case .createTopic, .describeTopic: return [Say.this(info, id)]
            case .listTopics: return [Say.this(TopicList([info]), id)]
            case .dropTopic, .truncateTopic, .alterTopic, .unsubscribe:
                return [Say.this(Okay(), id)]
            case .write where frame.payload[4] == Acknowledgement.none.rawValue: return []
            case .write where frame.payload[4] == Acknowledgement.received.rawValue:
                return [Say.this(Received(writes: 1), id)]
            case .write: return [committed(frame)]
            case .flush: return [Say.this(Flushed(), id)]
            case .ping where id != 0: return [Say.this(Pong(), id)]
            case .status: return [Say.this(StatusInfo([.init("writes", 7)]), id)]
            case .get:
                let count = frame.decode(GetRequest.self)?.count ?? 0
                return [Say.records((0..<count).map { $0 == 1 ? nil : (7, row) }, id)]
            case .count: return [Say.this(Counted(applied: Offset(9), count: 2), id)]
            default: return []
            }
        }
    }

    static func options(_ name: String = "test") -> ClientOptions {
        var options = ClientOptions(name: name)
        options.reconnect = .backOff(least: .milliseconds(1), greatest: .milliseconds(5))
        return options
    }

    @Test func everyRequestHasItsAnswer() async throws {
        let server = try await ScriptedServer.start(Self.obliging())
        let client = try await ThalwegClient.connect(to: server.address, options: Self.options())
        #expect(client.source == SourceID(3))
        try await client.ping()
        #expect(try await client.status()["writes"] == 7)
        let info = try Self.info()
        #expect(try await client.createTopic(Self.definition()) == info)
        #expect(try await client.describeTopic("players") == info)
        #expect(try await client.listTopics() == [info])
        try await client.alterTopic("players", options: TopicOptions(writes: .every))
        try await client.truncateTopic("players")
        try await client.dropTopic("players")
        let topic = try await client.topic("players")
        let row = try Self.row(100, "Ada")
        let one = try #require(try await client.get(topic, .u64(7)))
        #expect(one.row == row)
        #expect(try topic.values(of: one.row) == [.signed(100), .string("Ada")])
        let three = try await client.get(topic, many: [.u64(7), .u64(8), .u64(9)])
        #expect(three.records.map { $0 == nil } == [false, true, false])
        #expect(try await client.count(topic).count == 2)
        #expect(try await client.put(topic, .u64(7), row: row).verdict == .accepted)
        try await client.close()
        #expect(client.connectionState == .closed(nil))
        #expect(server.heard.last?.type == .flush || server.heard.last?.type == .bye)
        try await server.stop()
    }

    @Test func eachAcknowledgementSaysAsMuchAsWasAsked() async throws {
        let server = try await ScriptedServer.start(Self.obliging())
        let client = try await ThalwegClient.connect(to: server.address, options: Self.options())
        let topic = try await client.topic("players")
        let row = try Self.row(1, "x")
        for mode in Acknowledgement.allCases {
            var batch = Batch(topic, acknowledgement: mode)
            try batch.assert(.u64(1), row: row)
            try batch.patch(.u64(2), mask: 1, values: [1, 0, 0, 0], if: .present)
            try batch.retract(.u64(3), metadata: [9])
            let answer = try await client.write(&batch)
            #expect(answer.writes == 3)
            #expect(batch.count == 0)
            #expect(answer.counts?.accepted == (mode.rawValue >= 2 ? 3 : nil))
            #expect(answer.results.count == (mode == .committedEach ? 3 : 0))
        }
        try await client.flush()
        try await client.close()
        try await server.stop()
    }

    @Test func aLargeBatchIsCutAndAnAtomicOneRefused() async throws {
        var welcome = Story.welcome
        welcome.maximumFrameBytes = 200
        let server = try await ScriptedServer.start(welcome: welcome, Self.obliging())
        let client = try await ThalwegClient.connect(to: server.address, options: Self.options())
        let topic = try await client.topic("players")
        let row = try Self.row(1, "sixteen bytes ok")
        var batch = Batch(topic, acknowledgement: .committedEach)
        for key in 0..<50 { try batch.assert(.u64(UInt64(key)), row: row, if: .absent) }
        let answer = try await client.write(&batch)
        #expect(answer.results.count == 50)
        #expect(answer.counts?.accepted == 50)
        let writes = server.heard.filter { $0.type == .write }
        #expect(writes.count > 10)
        var keys: [UInt64] = []
        for frame in writes {
            #expect(frame.payload.count <= 200)
            frame.payload.withUnsafeBytes { bytes in
                var cursor = WriteCursor(
                    UnsafeRawBufferPointer(rebasing: bytes[WriteBatchHeader.size...]),
                    keyKind: .u64
                )
                while !cursor.isAtEnd, cursor.next() {
                    keys.append(cursor.key.loadUnaligned(as: UInt64.self))
                }
            }
        }
        #expect(keys == Array(0..<50))

        var atomic = Batch(topic, acknowledgement: .committed, isAtomic: true)
        for key in 0..<50 { try atomic.assert(.u64(UInt64(key)), row: row) }
        do {
            _ = try await client.write(&atomic)
            Issue.record("an atomic batch was cut")
        } catch {
            #expect(error.code == .frameTooLarge)
            #expect(error.limit == 200)
        }
        #expect(atomic.count == 50)
        try await client.close()
        try await server.stop()
    }

    @Test func answersThatArriveByteByByteAreUnderstood() async throws {
        let info = try Self.info()
        let server = try await ScriptedServer.start { _, frame in
            guard frame.type != .hello else {
                return [.sendByteByByte((try? Frame.bytes(Story.welcome, requestID: 1)) ?? [])]
            }
            return [.sendByteByByte((try? Frame.bytes(info, requestID: frame.requestID)) ?? [])]
        }
        let client = try await ThalwegClient.connect(to: server.address, options: Self.options())
        for _ in 0..<5 { #expect(try await client.describeTopic("players") == info) }
        await client.abandon()
        try await server.stop()
    }

    @Test func garbageFromTheServerIsAClearErrorAndTheClientRecovers() async throws {
        let info = try Self.info()
        let server = try await ScriptedServer.start { connection, frame in
            switch (connection, frame.type) {
            case (1, .describeTopic): [.send(Array(repeating: 0xAB, count: 64))]
            case (2, .describeTopic):
                [
                    .send((try? Frame.bytes(info, requestID: frame.requestID))?.dropLast() ?? []),
                    .send([0xFF]),
                ]
            case (3, .describeTopic): [Say.this(info, frame.requestID)]
            default: []
            }
        }
        let client = try await ThalwegClient.connect(to: server.address, options: Self.options())
        for code in [ErrorCode.invalidFrame, .badChecksum] {
            do {
                _ = try await client.describeTopic("players")
                Issue.record("garbage was understood")
            } catch {
                #expect(error.code == code)
            }
        }
        #expect(try await client.describeTopic("players") == info)
        #expect(server.connections == 3)
        await client.abandon()
        try await server.stop()
    }

    @Test func readsSurviveALostConnectionAndWritesSayTheyDoNot() async throws {
        let info = try Self.info()
        let row = try Self.row(5, "Bo")
        let server = try await ScriptedServer.start { connection, frame in
            let id = frame.requestID
            return switch frame.type {
            case .describeTopic: [Say.this(info, id)]
            case .get where connection == 1: [.hangUp]
            case .get: [Say.records([(7, row)], id)]
            case .write where connection == 2: [.hangUp]
            case .write: [Self.committed(frame)]
            default: []
            }
        }
        let client = try await ThalwegClient.connect(to: server.address, options: Self.options())
        let topic = try await client.topic("players")
        #expect(try await client.get(topic, .u64(7))?.row == row)
        do {
            _ = try await client.put(topic, .u64(7), row: row)
            Issue.record("a write without an answer succeeded")
        } catch {
            #expect(error.code == .connectionLost)
        }
        #expect(try await client.put(topic, .u64(7), row: row).verdict == .accepted)
        #expect(server.connections == 3)
        await client.abandon()
        try await server.stop()
    }

    @Test func theServersErrorsAreTyped() async throws {
        let info = try Self.info()
        let server = try await ScriptedServer.start { _, frame in
            switch frame.type {
            case .hello: []
            case .describeTopic where frame.decode(DescribeTopic.self)?.name == "players":
                [Say.this(info, frame.requestID)]
            case .write:
                [
                    Say.this(
                        Committed(
                            lastOffset: Offset(1),
                            counts: VerdictCounts(),
                            results: [WriteResult(.invalid, error: .conditionFailed)]
                        ),
                        frame.requestID
                    )
                ]
            default: [Say.error(.unknownTopic, frame.requestID)]
            }
        }
        let client = try await ThalwegClient.connect(to: server.address, options: Self.options())
        let topic = try await client.topic("players")
        do {
            _ = try await client.describeTopic("nobody")
            Issue.record("an error frame was taken for success")
        } catch {
            #expect(error.code == .unknownTopic)
        }
        do {
            _ = try await client.put(topic, .u64(1), row: Self.row(1, ""), if: .absent)
            Issue.record("a refused write succeeded")
        } catch let error as ThalwegError {
            #expect(error.code == .conditionFailed)
        }
        await client.abandon()
        try await server.stop()
    }

    @Test func nobodyListeningIsAnErrorThatNamesTheAddress() async throws {
        let port = try DeafPort()
        let address = port.address
        do {
            _ = try await ThalwegClient.connect(to: address, options: Self.options())
            Issue.record("connected to nobody")
        } catch {
            #expect(error.code == .connectionLost)
            #expect(error.message == "no connection to \(address): connection refused")
        }
        withExtendedLifetime(port) {}
    }

    @Test func aSubscriptionGoesOnAcrossConnectionsEachChangeOnce() async throws {
        let info = try Self.info()
        let row = try Self.row(5, "Bo")
        let server = try await ScriptedServer.start { connection, frame in
            switch frame.type {
            case .describeTopic: return [Say.this(info, frame.requestID)]
            case .subscribe:
                guard let request = frame.decode(Subscribe.self) else { return [.hangUp] }
                let from: Offset =
                    if case .after(let offset) = request.from { offset } else { .start }
                let open = Say.this(
                    Subscribed(subscription: 40, from: from, tail: Offset(6)),
                    frame.requestID
                )
                let next = from.rawValue + 1
                var replies = [
                    open,
                    Say.changes(40, [(next, row), (next + 1, nil)], resume: next + 1, .caughtUp),
                ]
                if connection < 3 { replies.append(.hangUp) }
                return replies
            default: return []
            }
        }
        let client = try await ThalwegClient.connect(to: server.address, options: Self.options())
        let topic = try await client.topic("players")
        let subscription = try await client.subscribe(topic)
        var offsets: [UInt64] = []
        while offsets.count < 6, let delivery = try await subscription.next() {
            for change in try delivery.changes() { offsets.append(change.offset.rawValue) }
        }
        #expect(offsets == [1, 2, 3, 4, 5, 6])
        subscription.cancel()
        #expect(try await subscription.next()?.count == nil)
        await client.abandon()
        try await server.stop()
    }
}

extension ThalwegClient {
    /// Closes without a flush that a script would have to answer.
    func abandon() async {
        await core.close()
    }
}
