import Testing
import ThalwegClient
import ThalwegModel
import ThalwegServer
import ThalwegWire

/// Reads that are not subscriptions: scans, counts, and waiting for what one wrote.
@Suite struct SubscriptionReadTests {
    private func withPlayers(
        _ body: (TestServer, ThalwegClient, Topic) async throws -> Void
    ) async throws {
        try await withServer { server in
            let client = try await server.connect()
            let topic = try await client.topic(try Sample.definition())
            var batch = Batch(topic, acknowledgement: .committed)
            for key in UInt64(0)..<1_000 {
                // Keys are written in an order that is not theirs.
                let row = try Sample.row(topic, "player", Double(key), Int64(key % 100))
                try batch.assert(.u64((key * 7) % 1_000), row: row)
            }
            try await client.write(&batch)
            try await body(server, client, topic)
            try await client.close()
        }
    }

    @Test(arguments: ScanOrder.allCases)
    func pagesHoldEveryMatchingRecordOnce(order: ScanOrder) async throws {
        try await withPlayers { _, client, topic in
            var keys: [UInt64] = []
            var token: [UInt8] = []
            repeat {
                let page = try await client.scan(
                    topic, filter: "health < 30", order: order, limit: 70, resumeToken: token)
                #expect(page.records.count <= 70)
                for record in page.records {
                    if case .u64(let key) = record.key { keys.append(key) }
                }
                token = page.nextToken
            } while !token.isEmpty
            #expect(keys.count == 300 && Set(keys).count == 300)
            if order == .key { #expect(keys == keys.sorted()) }
        }
    }

    @Test func countsAreOfMatchingRecords() async throws {
        try await withPlayers { _, client, topic in
            #expect(try await client.count(topic).count == 1_000)
            #expect(try await client.count(topic, filter: "health < 30").count == 300)
            try await client.retract(topic, .u64(0))
            let counted = try await client.count(topic, filter: "health < 30")
            #expect(counted.count == 299 && counted.applied == Offset(1_001))
        }
    }

    @Test func aReadWaitsForTheOffsetItNames() async throws {
        try await withPlayers { server, client, topic in
            let peer = try SubscriptionPeer(server)
            let key = try Key.u64(5_000).encoded()
            var request = try GetRequest(topic.id, keys: [.u64(5_000)], notBefore: Offset(1_001))
            #expect(request.encodedKeys == key)
            let waiting = try SubscriptionPeer(server)
            let number = try waiting.send(request)
            #expect(number > 0)
            // Asked before the write, answered behind it.
            request.notBefore = .start
            let before = try peer.ask(request)
            let row = try Sample.row(topic, "late")
            try await client.put(topic, .u64(5_000), row: row)
            let after = try peer.ask(
                try GetRequest(topic.id, keys: [.u64(5_000)], notBefore: Offset(1_001)))
            #expect(try presence(before) == .absent)
            #expect(try presence(after) == .live)
            #expect(try presence(try waiting.answer(to: number)) == .live)
        }
    }

    @Test func aTokenOfAnotherOrderIsRefused() async throws {
        try await withPlayers { _, client, topic in
            let error = await #expect(throws: ThalwegError.self) {
                try await client.scan(topic, order: .change, resumeToken: [1, 2, 3])
            }
            #expect(error?.code == .invalidFrame)
        }
    }

    private func presence(_ payload: [UInt8]) throws -> RecordPresence? {
        try payload.withUnsafeBytes { bytes in
            var cursor = try RecordCursor(records: bytes, kind: .u64)
            return try cursor.next()?.presence
        }
    }
}

/// The client library's subscription, at the server's own hands.
@Suite struct SubscriptionClientTests {
    @Test func deliveriesArriveInOrderAndSayWhereToResume() async throws {
        try await withServer { server in
            let client = try await server.connect()
            let topic = try await client.topic(try Sample.definition())
            for key in UInt64(1)...3 {
                let row = try Sample.row(topic, "Ada", 0, Int64(key) * 10)
                try await client.put(topic, .u64(key), row: row)
            }
            let subscription = try await client.subscribe(
                topic, filter: "health > 10", fields: 0b100, includePrevious: true)
            var changes: [Change] = []
            var resume = Offset.start
            while let delivery = try await subscription.next() {
                changes += try delivery.changes()
                resume = delivery.resumeOffset
                if delivery.isCaughtUp { break }
            }
            #expect(changes.map(\.key) == [.u64(2), .u64(3)])
            #expect(resume == Offset(3))
            // Fields that were not asked for carry their defaults.
            let row = try #require(changes[0].row)
            #expect(try topic.values(of: row) == [.string(""), .float(0), .signed(20)])
            while try await client.status()["lagging"] != 0 {}
            let (mask, values) = try Sample.health(topic, 50)
            try await client.patch(topic, .u64(1), mask: mask, values: values)
            let entered = try #require(try await subscription.next()).changes()
            #expect(entered.map(\.kind) == [.entered] && entered.first?.offset == Offset(4))
            // A change of a field that nobody asked for is not told; the next one is.
            try await client.put(topic, .u64(2), row: try Sample.row(topic, "Bob", 0, 20))
            let low = try Sample.health(topic, 5)
            try await client.patch(topic, .u64(2), mask: low.mask, values: low.values)
            let left = try #require(try await subscription.next()).changes()
            #expect(left.map(\.kind) == [.left] && left.first?.offset == Offset(6))
            #expect(left.first?.changedFields == 0b100 && left.first?.previous != nil)
            try await client.close()
        }
    }

    /// Fields are appended while a subscription is open: that is no change, and what changes behind it
    /// has them.
    @Test func aSubscriptionGoesOnThroughAMigration() async throws {
        try await withServer { server in
            let client = try await server.connect()
            let first = try await client.topic(try Sample.definition())
            try await client.put(first, .u64(1), row: try Sample.row(first, "Ada", 1, 30))
            let reader = try await server.connect(.readOnly)
            let old = try await reader.topic("players")
            let subscription = try await reader.subscribe(
                old, filter: "health > 10", includePrevious: true)
            var delivery = try #require(try await subscription.next())
            #expect(delivery.isCaughtUp && delivery.count == 1)
            while try await client.status()["lagging"] != 0 {}
            var definition = try Sample.definition()
            definition.schema = try Schema(Sample.fields + [Field("team", .scalar(.u16))])
            let new = try await client.topic(definition)
            let layout = try #require(new.layout)
            let row = try layout.encode([.string("Ada"), .float(1), .signed(30), .unsigned(7)])
            let offset = try await client.put(new, .u64(1), row: row).offset
            delivery = try #require(try await subscription.next())
            let change = try #require(try delivery.changes().first)
            #expect(delivery.count == 1 && change.kind == .updated && change.offset == offset)
            #expect(offset == Offset(2) && change.changedFields == 0b1000)
            let told = try #require(change.row)
            let before = try #require(change.previous)
            #expect(
                try new.values(of: told)
                    == [.string("Ada"), .float(1), .signed(30), .unsigned(7)])
            #expect(try new.values(of: before).last == .unsigned(0), "the default")
            // Whoever wants the new field opens the topic again.
            let error = #expect(throws: ThalwegError.self) { try old.values(of: told) }
            #expect(error?.code == .schemaMismatch)
            #expect(
                try await reader.topic("players").values(of: told).last == .unsigned(7))
            try await reader.close()
            try await client.close()
        }
    }
}
