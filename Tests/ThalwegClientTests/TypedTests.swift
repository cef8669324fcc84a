import Synchronization
import Testing

@testable import ThalwegClient

/// A record as `@Record` would write it.
struct Player: Record, Equatable {
    static let recordShape = RecordShape(
        "players",
        [Field("health", .scalar(.i32)), Field("name", .string(max: 16))]
    )
    var id: UInt64
    var health: Int32
    var name: String
    var recordKey: UInt64 { id }

    func encodeRow(into encoder: inout RowEncoder) throws(ThalwegError) {
        encoder.scalar(health)
        try encoder.string(name, max: 16, "name")
    }

    struct Patch: RecordPatch {
        var health: Int32?
        var patchMask: UInt64 { health == nil ? 0 : 1 }
        func encodePatch(into encoder: inout RowEncoder) throws(ThalwegError) {
            if let health {
                encoder.scalar(health)
                encoder.endField()
            }
        }
    }

    struct Fields: OptionSet, Sendable {
        let rawValue: UInt64
        static let health = Fields(rawValue: 1)
    }
}

extension Player {
    init(key: UInt64, row decoder: inout RowDecoder) throws(ThalwegError) {
        self.init(id: key, health: try decoder.scalar(), name: try decoder.string())
    }
}

/// Typed topics and replicas against a scripted server.
@Suite(.timeLimit(.minutes(1)))
struct TypedTests {
    static func row(_ player: Player) -> [UInt8] { (try? player.encodedRow()) ?? [] }

    @Test func aTypedTopicWritesAndReadsValues() async throws {
        let server = try await ScriptedServer.start(ClientTests.obliging())
        let client = try await ThalwegClient.connect(
            to: server.address,
            options: ClientTests.options()
        )
        let players = try await client.topic(of: Player.self)
        #expect(try await players.put(Player(id: 7, health: 100, name: "Ada")).verdict == .accepted)
        #expect(try await players.patch(7) { $0.health = 3 }.version == RecordVersion(1))
        #expect(try await players.retract(9).offset == Offset(1))
        #expect(try await players.get(7) == Player(id: 7, health: 100, name: "Ada"))
        #expect(try await players.get(many: [7, 8]).keys.sorted() == [7])
        var batch = players.batch(acknowledgement: .committed)
        for id in 0..<100 { try batch.put(Player(id: UInt64(id), health: 1, name: "x")) }
        #expect(try await players.write(&batch).counts?.accepted == 100)
        let first = try #require(server.heard.first { $0.type == .write })
        let bytes = Array(first.payload[(WriteBatchHeader.size + 13)...])
        #expect(bytes == Self.row(Player(id: 7, health: 100, name: "Ada")))
        await client.abandon()
        try await server.stop()
    }

    /// The first connection bootstraps and is lost; the second resumes; the third must start over.
    @Test func aReplicaIsRightAfterEveryReconnect() async throws {
        let info = try ClientTests.info()
        let ada = Self.row(Player(id: 1, health: 10, name: "Ada"))
        let weak = Self.row(Player(id: 1, health: 1, name: "Ada"))
        let bo = Self.row(Player(id: 2, health: 20, name: "Bo"))
        let cy = Self.row(Player(id: 3, health: 30, name: "Cy"))
        let server = try await ScriptedServer.start { connection, frame in
            let id = frame.requestID
            switch (connection, frame.type) {
            case (_, .describeTopic): return [Say.this(info, id)]
            case (1, .subscribe):
                return [
                    Say.this(Subscribed(subscription: 1, from: .start, tail: Offset(2)), id),
                    Say.changes(1, [(1, ada), (2, bo)], resume: 2, .caughtUp),
                ]
            // The test says when each connection is to be lost.
            case (1, .count), (2, .count): return [.hangUp]
            case (2, .subscribe):
                guard frame.decode(Subscribe.self)?.from == .after(Offset(2)) else { return [] }
                return [
                    Say.this(Subscribed(subscription: 9, from: Offset(2), tail: Offset(4)), id),
                    Say.changes(9, [(1, weak), (2, nil)], resume: 4, .caughtUp),
                ]
            case (3, .subscribe) where frame.decode(Subscribe.self)?.from != .start:
                return [Say.error(.tooOld, id)]
            case (3, .subscribe):
                return [
                    Say.this(Subscribed(subscription: 4, from: .start, tail: Offset(9)), id),
                    Say.changes(4, [(2, bo)], resume: 8),
                    Say.changes(4, [(3, cy)], resume: 9, .caughtUp),
                ]
            case (_, .count): return [Say.this(Counted(applied: .start, count: 0), id)]
            default: return []
            }
        }
        let client = try await ThalwegClient.connect(
            to: server.address,
            options: ClientTests.options()
        )
        let topic = try await client.topic("players")
        let replica = try await client.replica(of: Player.self)
        try await replica.ready()
        #expect(replica.count == 2)
        #expect(replica[1]?.health == 10)
        let changes = replica.changes.makeAsyncIterator()
        var iterator = changes
        // The count is repeated on each new connection until one answers.
        async let lastCount = client.count(topic)
        var sawReset = false
        while !sawReset, let update = await iterator.next() { sawReset = update.isReset }
        #expect(sawReset)
        #expect(replica.records.keys.sorted() == [2, 3])
        #expect(replica[1] == nil)
        #expect(replica.offset == Offset(9))
        #expect(try await lastCount.count == 0)
        await client.abandon()
        try await server.stop()
    }

    @Test func aReaderThatLagsStopsTheServerAndLosesNothing() async throws {
        let info = try ClientTests.info()
        let rows = (0..<100).map { number in
            (key: UInt64(number), row: Self.row(Player(id: 0, health: 1, name: "x")) as [UInt8]?)
        }
        let deliveries = 200
        let server = try await ScriptedServer.start { _, frame in
            let id = frame.requestID
            switch frame.type {
            case .describeTopic: return [Say.this(info, id)]
            case .subscribe:
                let from = frame.decode(Subscribe.self)?.from
                let after: Offset = if case .after(let offset) = from { offset } else { .start }
                // The request's id does as the subscription's number: each is another one.
                let open = Say.this(Subscribed(subscription: id, from: after, tail: .start), id)
                let first = Int(after.rawValue) / rows.count + 1
                return [open]
                    + (first..<deliveries + 1).map {
                        Say.changes(id, rows, resume: UInt64($0 * rows.count))
                    }
            case .unsubscribe: return [Say.this(Okay(), id)]
            case .ping where id != 0: return [Say.this(Pong(), id)]
            default: return []
            }
        }
        var options = ClientTests.options()
        options.subscriptionBufferBytes = 20_000
        let client = try await ThalwegClient.connect(to: server.address, options: options)
        let topic = try await client.topic("players")
        let subscription = try await client.subscribe(topic)
        var resume: UInt64 = 0
        for number in 1...deliveries {
            let delivery = try #require(try await subscription.next())
            #expect(delivery.resumeOffset.rawValue == resume + UInt64(rows.count))
            resume = delivery.resumeOffset.rawValue
            // The reader may ask for things in between though its buffer is full.
            if number % 50 == 0 { try await client.ping() }
        }
        await client.abandon()
        try await server.stop()
    }
}
