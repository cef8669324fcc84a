import Testing
import ThalwegClient
import ThalwegCluster
import ThalwegModel
import ThalwegServer
import ThalwegWire

/// Reads of many records at once, and pages between which things happen.
@Suite(.timeLimit(.minutes(2))) struct ScanPageTests {
    private func fill(_ client: ThalwegClient, _ topic: Topic, _ keys: Range<UInt64>) async throws {
        var batch = Batch(topic, acknowledgement: .committed)
        for key in keys {
            let row = try Sample.row(topic, "p\(key)", 0, Int64(key % 100))
            // In an order that is not theirs.
            try batch.assert(.u64(key &* 7_919 % 1_000), row: row)
        }
        try await client.write(&batch)
    }

    private func keys(_ page: ScanPage) -> [UInt64] {
        page.records.compactMap { if case .u64(let key) = $0.key { key } else { nil } }
    }

    // MARK: Many keys

    @Test func keysAreAnsweredInTheirOrderWhateverThereIs() async throws {
        try await withServer { server in
            let client = try await server.connect(.named("w"))
            let topic = try await client.topic(try Sample.definition())
            for key in UInt64(1)...40 {
                try await client.put(topic, .u64(key), row: try Sample.row(topic, "p\(key)"))
            }
            let last = try await client.retract(topic, .u64(3)).offset
            // Never there, deleted, twice, and more than are looked up together.
            let asked = [7, 99, 3, 7] + Array(UInt64(1)...40).reversed() + [0, .max, 7]
            let answer = try await client.get(
                topic, many: asked.map { .u64($0) }, notBefore: last)
            #expect(answer.applied == last && answer.records.count == asked.count)
            for (key, record) in zip(asked, answer.records) {
                let isThere = (1...40).contains(key) && key != 3
                #expect((record != nil) == isThere, "\(key)")
                guard let record else { continue }
                #expect(record.key == .u64(key) && record.version == RecordVersion(1))
                #expect(try topic.values(of: record.row).first == .string("p\(key)"))
            }
            #expect(try await client.get(topic, many: []).records.isEmpty)
            let error = await #expect(throws: ThalwegError.self) {
                try await client.get(topic, many: [.u64(1), .string("1")])
            }
            #expect(error?.code == .invalidKey)
            try await client.close()
        }
    }

    @Test func anAnswerThatIsTooLongIsRefusedWithItsLimit() async throws {
        try await withServer { server in
            let client = try await server.connect(.named("w"))
            let topic = try await client.topic(
                TopicDefinition(name: "blobs", keyKind: .u64, schema: nil))
            let row = [UInt8](repeating: 1, count: Limits.rowBytes)
            try await client.put(topic, .u64(1), row: row)
            let fits = [Key](repeating: .u64(1), count: 15)
            let records = try await client.get(topic, many: fits).records
            #expect(records.count == 15 && records.allSatisfy { $0?.row.count == row.count })
            for count in [16, 17, 400] {
                let error = await #expect(throws: ThalwegError.self) {
                    try await client.get(topic, many: [Key](repeating: .u64(1), count: count))
                }
                #expect(error?.code == .frameTooLarge && error?.limit == 16 << 20, "\(count)")
                #expect(error?.advice == "ask for fewer keys at once")
            }
            #expect(try await client.get(topic, .u64(1)) != nil, "the connection goes on")
            try await client.close()
        }
    }

    // MARK: Pages

    /// Others write between any two pages: by key each record comes once and in order; by change what
    /// was changed comes as it is at last.
    @Test(arguments: ScanOrder.allCases)
    func pagesAmongWritesLeaveNothingOut(order: ScanOrder) async throws {
        try await withServer { server in
            let client = try await server.connect(.named("w"))
            let topic = try await client.topic(try Sample.definition(windowMilliseconds: 1))
            try await fill(client, topic, 0..<1_000)
            var found: [UInt64: StoredRecord] = [:]
            var keysInOrder: [UInt64] = []
            var applied: [Offset] = []
            var token: [UInt8] = []
            var turn: UInt64 = 0
            repeat {
                let page = try await client.scan(
                    topic, filter: "health >= 0", order: order, limit: 90, resumeToken: token)
                for record in page.records {
                    guard case .u64(let key) = record.key else { continue }
                    keysInOrder.append(key)
                    found[key] = record
                    #expect(record.offset <= page.applied, "true at the page's offset")
                }
                applied.append(page.applied)
                token = page.nextToken
                // Ahead and behind: changed, deleted, new. In the end there is nothing more to write.
                turn += 1
                guard turn < 8 else { continue }
                for key in [turn * 100 + 1, 5, 995] {
                    let row = try Sample.row(topic, "again", 1, 1)
                    try await client.put(topic, .u64(key), row: row)
                }
                try await client.retract(topic, .u64(turn * 100 + 2))
                try await client.put(
                    topic, .u64(2_000 + turn), row: try Sample.row(topic, "new", 1, 1))
            } while !token.isEmpty
            #expect(turn > 8 && applied == applied.sorted())
            var table: [UInt64: StoredRecord] = [:]
            for record in try await client.scan(topic, limit: 5_000).records {
                if case .u64(let key) = record.key { table[key] = record }
            }
            switch order {
            case .key:
                #expect(
                    keysInOrder == keysInOrder.sorted()
                        && Set(keysInOrder).count == keysInOrder.count)
                for key in UInt64(0)..<1_000 where key % 100 > 2 && key != 5 && key != 995 {
                    #expect(found[key] == table[key], "\(key) was not touched")
                }
            case .change:
                // What is gone since it was told is not told again; all the rest is as it is.
                #expect(table.allSatisfy { found[$0.key] == $0.value })
                #expect(
                    keysInOrder.count > Set(keysInOrder).count, "what changed behind it came again")
            }
            try await client.close()
        }
    }

    @Test(arguments: ScanOrder.allCases)
    func aTruncationBetweenPagesLeavesWhatCameBehindIt(order: ScanOrder) async throws {
        try await withServer { server in
            let client = try await server.connect(.named("w"))
            let topic = try await client.topic(try Sample.definition())
            try await fill(client, topic, 0..<500)
            let first = try await client.scan(topic, order: order, limit: 100)
            #expect(first.records.count == 100)
            try await client.truncateTopic(topic.name)
            let new = UInt64(5_000)..<5_020
            for key in new {
                try await client.put(topic, .u64(key), row: try Sample.row(topic, "new"))
            }
            var rest: [UInt64] = []
            var token = first.nextToken
            while !token.isEmpty {
                let page = try await client.scan(
                    topic, order: order, limit: 7, resumeToken: token)
                rest += keys(page)
                token = page.nextToken
            }
            #expect(rest == Array(new))
            try await client.close()
        }
    }

    @Test(arguments: ScanOrder.allCases)
    func aMigrationBetweenPagesIsNoChange(order: ScanOrder) async throws {
        try await withServer { server in
            let client = try await server.connect(.named("w"))
            let topic = try await client.topic(try Sample.definition())
            try await fill(client, topic, 0..<500)
            let filter = "health < 50"
            let first = try await client.scan(topic, filter: filter, order: order, limit: 100)
            var definition = try Sample.definition()
            definition.schema = try Schema(Sample.fields + [Field("team", .scalar(.u16))])
            let wide = try await client.topic(definition)
            let layout = try #require(wide.layout)
            let row = try layout.encode([.string("n"), .float(0), .signed(1), .unsigned(9)])
            try await client.put(wide, .u64(9_000), row: row)
            var found = keys(first)
            var token = first.nextToken
            while !token.isEmpty {
                // The old handle goes on, and a filter may name the new field.
                let page = try await client.scan(
                    topic, filter: filter + " and team >= 0", order: order, limit: 60,
                    resumeToken: token)
                for record in page.records {
                    let team: UInt64 = record.key == .u64(9_000) ? 9 : 0
                    #expect(try wide.values(of: record.row).last == .unsigned(team))
                }
                found += keys(page)
                token = page.nextToken
            }
            #expect(found.count == 251 && Set(found).count == 251)
            try await client.close()
        }
    }

    /// A page's token is of one topic: of another with the same name there is no next page.
    @Test(arguments: ScanOrder.allCases)
    func aDropBetweenPagesIsTold(order: ScanOrder) async throws {
        try await withServer { server in
            let client = try await server.connect(.named("w"))
            let topic = try await client.topic(try Sample.definition())
            try await fill(client, topic, 0..<500)
            let first = try await client.scan(topic, order: order, limit: 100)
            try await client.dropTopic(topic.name)
            for isMadeAgain in [false, true] {
                if isMadeAgain {
                    let again = try await client.topic(try Sample.definition())
                    try await client.put(again, .u64(1), row: try Sample.row(again, "new"))
                    // Who asks by its new number with the old token is told that, too.
                    if order == .change {
                        let error = await #expect(throws: ThalwegError.self) {
                            try await client.scan(again, resumeToken: first.nextToken)
                        }
                        #expect(error?.code == .tooOld)
                    }
                }
                let error = await #expect(throws: ThalwegError.self) {
                    try await client.scan(
                        topic, order: order, limit: 100, resumeToken: first.nextToken)
                }
                #expect(error?.code == .unknownTopic)
            }
            try await client.close()
        }
    }
}

/// The same on several nodes.
@Suite(.serialized, .enabled(if: ConsensusCore.isAvailable)) struct ClusterPageTests {
    /// Who names what was written reads it from any node.
    @Test func readsOfEachKindWaitForWhatWasWritten() async throws {
        try await withCluster { cluster in
            let (leader, client) = try await cluster.writer()
            let topic = try await client.topic(
                TopicDefinition(name: "values", keyKind: .u64, schema: nil))
            let first = try await client.put(topic, .u64(1), row: [1]).offset
            _ = try await cluster.hashes(topic.name, at: first)
            let behind = try #require(cluster.followers(of: leader).first)
            cluster.network.isolate(behind)
            let last = try await client.put(topic, .u64(2), row: [2]).offset
            let peer = try SubscriptionPeer(try cluster.server(behind))
            // What it has it says at once.
            let old = try peer.ask(CountRequest(topic.id))
            #expect(try old.withUnsafeBytes { try Counted($0) }.count == 1)
            let get = try peer.send(
                try GetRequest(topic.id, keys: [.u64(2), .u64(1)], notBefore: last))
            let scan = try peer.send(
                ScanRequest(topic.id, order: .key, limit: 10, notBefore: last))
            let count = try peer.send(CountRequest(topic.id, filter: "key > 1", notBefore: last))
            _ = try peer.ask(StatusRequest())
            cluster.network.isolate(behind, false)
            try peer.answer(to: get).withUnsafeBytes { bytes in
                var cursor = try RecordCursor(records: bytes, kind: .u64)
                #expect(cursor.applied == last)
                while let record = try cursor.next() { #expect(record.presence == .live) }
            }
            try peer.answer(to: scan).withUnsafeBytes { bytes in
                let cursor = try RecordCursor(scanPage: bytes, kind: .u64)
                #expect(cursor.applied == last && cursor.count == 2)
            }
            let counted = try peer.answer(to: count).withUnsafeBytes { try Counted($0) }
            #expect(counted.applied == last && counted.count == 1)
            try await client.close()
        }
    }

    /// A node that has applied less than the page before was made of waits: it does not take its own
    /// end for the topic's.
    @Test func theNextPageComesFromANodeThatIsBehindWhenItHasGotThere() async throws {
        try await withCluster { cluster in
            let (leader, client) = try await cluster.writer()
            let topic = try await client.topic(
                TopicDefinition(name: "values", keyKind: .u64, schema: nil))
            // Each key's change has the next number.
            let early = try await client.put(topic, .u64(0), row: [0]).offset
            _ = try await cluster.hashes(topic.name, at: early)
            let behind = try #require(cluster.followers(of: leader).first)
            cluster.network.isolate(behind)
            for key in UInt64(1)..<10 { try await client.put(topic, .u64(key), row: [1]) }
            let page = try await client.scan(topic, limit: 8)
            let peer = try SubscriptionPeer(try cluster.server(behind))
            let request = try peer.send(
                ScanRequest(topic.id, order: .change, limit: 100, resumeToken: page.nextToken))
            // Asked while it is behind, as this answer says.
            _ = try peer.ask(StatusRequest())
            cluster.network.isolate(behind, false)
            try peer.answer(to: request).withUnsafeBytes { bytes in
                var cursor = try RecordCursor(scanPage: bytes, kind: .u64)
                #expect(cursor.applied >= Offset(8))
                var keys: [UInt64] = []
                while let record = try cursor.next() {
                    keys.append(UInt64(littleEndian: record.key.loadUnaligned(as: UInt64.self)))
                }
                #expect(keys == Array(8..<cursor.applied.rawValue))
            }
            try await client.close()
        }
    }

    /// A topic's number is not given again: a node that knew the topic says that it is gone, and does
    /// not wait for it.
    @Test func whoKnewATopicSaysThatItWasDropped() async throws {
        try await withCluster { cluster in
            let client = try await cluster.client(.named("writer"))
            let leader = try await cluster.leader()
            let follower = try #require(cluster.followers(of: leader).first)
            let definition = TopicDefinition(name: "values", keyKind: .u64, schema: nil)
            let topic = try await client.topic(definition)
            let last = try await client.put(topic, .u64(1), row: [1]).offset
            _ = try await cluster.hashes(topic.name, at: last)
            // A reader at the follower is away while its topic is dropped, and made again.
            let proxy = try CuttingProxy(try cluster.address(follower))
            defer { proxy.stop() }
            let readers = [
                try await TestServer.connectLasting(proxy.address, .readOnly),
                try await TestServer.connectLasting(proxy.address, .readOnly),
            ]
            var feeds: [Subscription] = []
            for reader in readers {
                let feed = try await reader.subscribe(try await reader.topic("values"))
                #expect(try #require(try await feed.next()).isCaughtUp)
                feeds.append(feed)
            }
            proxy.setPlan { _ in CuttingProxy.Plan(toServer: 0, toClient: 0) }
            proxy.cutAll()
            try await client.dropTopic("values")
            let server = try cluster.server(follower)
            _ = try await eventually("the follower has applied it") {
                try await cluster.asking(follower) { try await $0.listTopics() }
                    .flatMap { topics in
                        topics.contains { $0.definition.name == "values" } ? nil : true
                    }
            }
            let asked = ContinuousClock.now
            #expect(
                try server.refusal(of: Subscribe(topic.id, from: .after(last))).code
                    == .unknownTopic)
            #expect(
                try server.refusal(of: Subscribe(topic.id, notBefore: last)).code == .unknownTopic)
            #expect(
                try server.refusal(of: CountRequest(topic.id, notBefore: last)).code
                    == .unknownTopic)
            #expect(ContinuousClock.now - asked < .seconds(4), "nobody waited for it")
            proxy.setPlan { _ in .none }
            for feed in feeds {
                let error = await #expect(throws: ThalwegError.self) {
                    while try await feed.next() != nil {}
                }
                #expect(error?.code == .unknownTopic)
            }
            // Also after the node has come back.
            await cluster.stop(follower)
            try await cluster.start(follower)
            _ = try await eventually("the follower has got there") {
                // Until then it has the topic still, or is not there.
                let error = try? cluster.server(follower).refusal(
                    of: Subscribe(topic.id, from: .after(last)))
                return error?.code == .unknownTopic ? true : nil
            }
            for reader in readers { try await reader.close() }
            try await client.close()
        }
    }
}
