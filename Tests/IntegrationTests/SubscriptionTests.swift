import Testing
import ThalwegClient
import ThalwegLog
import ThalwegModel
import ThalwegServer
import ThalwegWire

/// A topic of plain bytes, its one writer, and what the table must be.
private final class Feed {
    let server: TestServer
    let client: ThalwegClient
    let topic: Topic
    private(set) var table: [UInt64: [UInt8]] = [:]
    private(set) var last = Offset.start

    init(
        _ server: TestServer, windowMilliseconds: UInt32 = 5, retentionMicroseconds: UInt64? = nil
    ) async throws {
        self.server = server
        client = try await server.connect()
        var options = TopicOptions(
            writes: .coalesced(windowMicroseconds: windowMilliseconds * 1_000))
        if let retentionMicroseconds {
            options.tombstoneRetentionMicroseconds = retentionMicroseconds
        }
        topic = try await client.topic(
            TopicDefinition(name: "values", keyKind: .u64, schema: nil, options: options))
    }

    /// One committed window.
    func put(_ keys: some Sequence<UInt64>, _ value: UInt8, size: Int = 8) async throws {
        let row = [UInt8](repeating: value, count: size)
        var batch = Batch(topic, acknowledgement: .committed)
        for key in keys {
            try batch.assert(.u64(key), row: row)
            table[key] = row
        }
        last = try #require(try await client.write(&batch).lastOffset)
    }

    func remove(_ keys: some Sequence<UInt64>) async throws {
        var batch = Batch(topic, acknowledgement: .committed)
        for key in keys {
            try batch.retract(.u64(key))
            table[key] = nil
        }
        last = try #require(try await client.write(&batch).lastOffset)
    }

    func subscribe(
        _ change: (inout Subscribe) -> Void = { _ in }
    ) throws -> (peer: SubscriptionPeer, number: UInt32) {
        let peer = try SubscriptionPeer(server)
        var request = Subscribe(topic.id)
        change(&request)
        return (peer, try peer.subscribe(request).subscription)
    }

    /// A server whose connections are full soon.
    static func narrow(_ options: inout ServerOptions) {
        options.limits.outboundBytesPerConnection = 64 << 10
        options.log.syncPolicy = .never
        options.log.segmentBytes = 16 << 20
    }

    /// Writes windows until a subscriber does not keep up, and goes on until the sockets' own
    /// buffers have stopped growing for it.
    func stall(_ watch: SubscriptionPeer) async throws {
        var round = 0
        var sent: UInt64 = 0
        var silent = 0
        while silent < 30 {
            round += 1
            try #require(round < 2_000)
            try await put(0..<100, UInt8(round % 250), size: 1_000)
            let now = try watch.status("feed_bytes")
            silent = now == sent ? silent + 1 : 0
            sent = now
        }
        try #require(try watch.status("lagging") == 1)
    }
}

@Suite(.serialized) struct SubscriptionTests {
    @Test func aBootstrapIsFollowedByWhatChanges() async throws {
        try await withServer { server in
            let feed = try await Feed(server)
            try await feed.put(0..<3_000, 1, size: 500)
            let (peer, _) = try feed.subscribe()
            let bootstrap = try peer.readToTail()
            // More than one chunk, and each record once.
            #expect(bootstrap.count > 1)
            #expect(bootstrap.reduce(0) { $0 + $1.changes.count } == 3_000)
            #expect(peer.fold == feed.table && peer.resume == feed.last)
            try await feed.put(5..<8, 2)
            try await feed.remove([6, 9])
            let live = try peer.read(to: feed.last).flatMap(\.changes)
            #expect(live.map(\.key) == [5, 6, 7, 6, 9])
            #expect(live.map(\.kind) == [.updated, .updated, .updated, .deleted, .deleted])
            #expect(peer.fold == feed.table)
            try await feed.client.close()
        }
    }

    @Test func aResumeBringsWhatChangedAndNothingElse() async throws {
        try await withServer { server in
            let feed = try await Feed(server)
            try await feed.put(0..<1_000, 1)
            var (peer, _) = try feed.subscribe()
            try peer.readToTail()
            let offset = peer.resume
            try await feed.put(10..<20, 2)
            try await feed.put(15..<25, 3)
            try await feed.remove(18..<19)
            (peer, _) = try feed.subscribe { $0.from = .after(offset) }
            let changes = try peer.readToTail().flatMap(\.changes)
            #expect(changes.map(\.key).sorted() == Array(10..<25))
            #expect(changes.first { $0.key == 18 }?.kind == .deleted)
            #expect(changes.allSatisfy { $0.offset > offset })
            try await feed.client.close()
        }
    }

    @Test func nowIsTheNextChange() async throws {
        try await withServer { server in
            let feed = try await Feed(server)
            try await feed.put(0..<10, 1)
            let (peer, _) = try feed.subscribe { $0.from = .now }
            #expect(try peer.readToTail().flatMap(\.changes).isEmpty)
            #expect(peer.resume == feed.last)
            try await feed.put(3..<4, 2)
            #expect(try peer.read(to: feed.last).flatMap(\.changes).map(\.key) == [3])
            try await feed.client.close()
        }
    }

    @Test func whoAsksTheSameGetsTheSameBytesAndOthersTheirOwn() async throws {
        try await withServer { server in
            let feed = try await Feed(server)
            try await feed.put(0..<10, 1)
            let first = try feed.subscribe { $0.filter = "key < 5" }
            let second = try feed.subscribe { $0.filter = "(key<5)" }
            let third = try feed.subscribe { $0.includesPrevious = true }
            for peer in [first.peer, second.peer, third.peer] { try peer.readToTail() }
            // A round trip: all three have told the server by now that they took their chunks.
            while try first.peer.status("lagging") > 0 {}
            try await feed.put([4, 7], 2)
            let one = try first.peer.next()
            #expect(one.payload == (try second.peer.next()).payload)
            #expect(one.changes.map(\.key) == [4])
            let other = try third.peer.next()
            #expect(other.changes.map(\.key) == [4, 7])
            #expect(other.changes[0].previous == [UInt8](repeating: 1, count: 8))
            #expect(try first.peer.status("subscriptions") == 3)
            try await feed.client.close()
        }
    }

    @Test func aReaderThatDoesNotReadCostsNothingAndIsConflated() async throws {
        try await withServer(Feed.narrow) { server in
            let feed = try await Feed(server)
            try await feed.put(0..<100, 0, size: 1_000)
            let (slow, _) = try feed.subscribe()
            try slow.readToTail()
            let watch = try SubscriptionPeer(server)
            try await feed.stall(watch)
            let sent = try watch.status("feed_bytes")
            let frames = try watch.status("feed_frames")
            for round in 0..<1_000 { try await feed.put(0..<100, UInt8(round % 200)) }
            // Not a byte more was made for it while a thousand windows passed.
            #expect(try watch.status("feed_bytes") == sent)
            #expect(try watch.status("feed_frames") == frames)
            #expect(try watch.status("lagging") == 1)
            let deliveries = try slow.readToTail()
            let late = deliveries.flatMap(\.changes).filter {
                $0.offset.rawValue > feed.last.rawValue - 100_000
            }
            #expect(late.count == 100)
            #expect(Set(late.map(\.key)).count == 100)
            #expect(slow.fold == feed.table && slow.resume == feed.last)
            try await feed.put(0..<1, 255)
            try slow.read(to: feed.last)
            #expect(slow.fold == feed.table)
            try await feed.client.close()
        }
    }

    @Test func aSlowReaderThatAskedForItIsDisconnected() async throws {
        try await withServer(Feed.narrow) { server in
            let feed = try await Feed(server)
            try await feed.put(0..<100, 0, size: 1_000)
            let (slow, number) = try feed.subscribe { $0.policy = .disconnect }
            try slow.readToTail()
            let watch = try SubscriptionPeer(server)
            while try watch.status("subscriptions") > 0 {
                try await feed.put(0..<100, UInt8.random(in: 0...255), size: 1_000)
            }
            let end = try slow.readToEnd()
            #expect(end.subscription == number && end.code == .slowReader)
            #expect(end.lastOffset > .start && end.lastOffset < feed.last)
            try await feed.client.close()
        }
    }

    @Test func aTopicWaitsForASlowReaderThatAskedForIt() async throws {
        try await withServer(Feed.narrow) { server in
            let feed = try await Feed(server)
            try await feed.put(0..<100, 0, size: 1_000)
            let (slow, _) = try feed.subscribe { $0.policy = .block }
            try slow.readToTail()
            let watch = try SubscriptionPeer(server)
            // Without an acknowledgement, because the last of these has to wait.
            var round: UInt8 = 0
            while try watch.status("lagging") == 0 {
                round &+= 1
                var batch = Batch(feed.topic, acknowledgement: .received)
                for key in UInt64(0)..<100 {
                    try batch.assert(.u64(key), row: [UInt8](repeating: round, count: 1_000))
                }
                try await feed.client.write(&batch)
            }
            let entries = try watch.status("entries")
            var batch = Batch(feed.topic, acknowledgement: .received)
            try batch.assert(.u64(1_000), row: [7])
            try await feed.client.write(&batch)
            // Windows that were sealed before may still be on their way to the log: at most seven.
            for _ in 0..<200 { #expect(try watch.status("entries") <= entries + 7) }
            while slow.fold[1_000] == nil { _ = try slow.next() }
            #expect(slow.fold[1_000] == [7])
            try await feed.client.close()
        }
    }

    @Test func aDroppedTopicEndsItsSubscriptions() async throws {
        try await withServer { server in
            let feed = try await Feed(server)
            try await feed.put(0..<10, 1)
            let (peer, number) = try feed.subscribe()
            try peer.readToTail()
            try await feed.client.dropTopic("values")
            let end = try peer.readToEnd()
            #expect(end.subscription == number && end.code == .unknownTopic)
            #expect(end.lastOffset == feed.last)
            #expect(try peer.status("subscriptions") == 0)
            try await feed.client.close()
        }
    }

    @Test func anOffsetWhoseDeletionsAreForgottenIsTooOld() async throws {
        try await withServer { server in
            let feed = try await Feed(server, retentionMicroseconds: 0)
            try await feed.put(0..<10, 1)
            let old = feed.last
            try await feed.remove(0..<5)
            try await feed.put(20..<21, 1)
            let error = #expect(throws: ThalwegError.self) {
                try feed.subscribe { $0.from = .after(old) }
            }
            #expect(error?.code == .tooOld)
            let beyond = #expect(throws: ThalwegError.self) {
                try feed.subscribe { $0.from = .after(Offset(1_000_000)) }
            }
            #expect(beyond?.code == .tooOld)
            let (peer, _) = try feed.subscribe()
            try peer.readToTail()
            #expect(peer.fold == feed.table)
            try await feed.client.close()
        }
    }

    @Test func aReaderThatFellBelowTheHorizonStartsOver() async throws {
        try await withServer(Feed.narrow) { server in
            let feed = try await Feed(server, retentionMicroseconds: 0)
            try await feed.put(0..<200, 0, size: 1_000)
            let (slow, _) = try feed.subscribe()
            try slow.readToTail()
            try await feed.stall(try SubscriptionPeer(server))
            try await feed.remove(50..<60)
            try await feed.put(70..<71, 9)
            try await feed.put(71..<72, 9)
            let deliveries = try slow.readToTail()
            #expect(deliveries.contains { $0.flags.contains(.reset) })
            #expect(slow.fold == feed.table && slow.resume == feed.last)
            try await feed.client.close()
        }
    }

    @Test func nothingComesBehindTheAnswerToUnsubscribe() async throws {
        try await withServer({ $0.limits.subscriptionsPerConnection = 2 }) { server in
            let feed = try await Feed(server)
            let (peer, number) = try feed.subscribe()
            try peer.readToTail()
            try peer.unsubscribe(number)
            let unknown = #expect(throws: ThalwegError.self) { try peer.unsubscribe(number) }
            #expect(unknown?.code == .unknownSubscription)
            try await feed.put(0..<10, 1)
            // The first frame of the connection is this answer, so nothing was sent before it.
            #expect(try peer.status("subscriptions") == 0)
            try peer.subscribe(Subscribe(feed.topic.id))
            try peer.subscribe(Subscribe(feed.topic.id, filter: "key == 1"))
            let many = #expect(throws: ThalwegError.self) {
                try peer.subscribe(Subscribe(feed.topic.id))
            }
            #expect(many?.code == .tooManySubscriptions && many?.limit == 2)
            try await feed.client.close()
        }
    }

    @Test func aLostConnectionLeavesNothingBehind() async throws {
        try await withServer { server in
            let feed = try await Feed(server)
            try await feed.put(0..<10, 1)
            var peer: SubscriptionPeer? = try feed.subscribe().peer
            try peer?.readToTail()
            let watch = try SubscriptionPeer(server)
            #expect(try watch.status("subscriptions") == 1)
            peer = nil
            while try watch.status("subscriptions") > 0 {}
            #expect(try watch.status("lagging") == 0)
            try await feed.put(0..<10, 2)
            try await feed.client.close()
        }
    }

    @Test func aPaceIsCountedInWindowsAndTheLastChangeComesAnyway() async throws {
        try await withServer { server in
            // Windows are cut by committed writes alone: no timer can come in between.
            let feed = try await Feed(server, windowMilliseconds: 60_000)
            try await feed.put(0..<10, 0)
            let (peer, _) = try feed.subscribe { $0.pace = 3 }
            try peer.readToTail()
            while try peer.status("lagging") > 0 {}
            for value in UInt8(1)...6 { try await feed.put([UInt64(value % 2), 5], value) }
            let deliveries = try peer.read(to: feed.last)
            #expect(deliveries.map(\.changes.count) == [3, 3])
            #expect(peer.fold == feed.table)
            try await feed.client.close()
        }
        try await withServer { server in
            let feed = try await Feed(server, windowMilliseconds: 1)
            let (peer, _) = try feed.subscribe { $0.pace = 20 }
            try peer.readToTail()
            try await feed.put(0..<3, 1)
            try peer.read(to: feed.last)
            #expect(peer.fold == feed.table)
            try await feed.client.close()
        }
    }

    @Test func whatCannotBeAskedForIsRefusedWithItsCode() async throws {
        try await withServer { server in
            let feed = try await Feed(server)
            let refusals: [(ErrorCode, Subscribe)] = [
                (.noHistory, Subscribe(feed.topic.id, deliver: .every)),
                (.invalidFilter, Subscribe(feed.topic.id, filter: "key <")),
                (.unknownTopic, Subscribe(TopicID(77))),
            ]
            let peer = try SubscriptionPeer(server)
            for (code, request) in refusals {
                let error = #expect(throws: ThalwegError.self) { try peer.subscribe(request) }
                #expect(error?.code == code)
            }
            #expect(try peer.status("subscriptions") == 0)
            try await feed.client.close()
        }
    }
}
