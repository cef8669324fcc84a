import Testing
import ThalwegClient
import ThalwegCluster
import ThalwegModel
import ThalwegServer
import ThalwegWire

/// Three servers that agree on one log, when the one that leads is lost.
@Suite("A cluster that loses its leader", .serialized, .enabled(if: ConsensusCore.isAvailable))
struct ClusterFailoverTests {
    /// The error of a write that cannot be committed, whatever it is.
    private func failure(_ write: () async throws -> Void) async -> ErrorCode? {
        do {
            try await write()
            return nil
        } catch let error as ThalwegError {
            return error.code
        } catch {
            return .invalidFrame
        }
    }

    @Test func whoWaitsAtALeaderThatIsCutOffHearsThatItIsNotKnown() async throws {
        try await withCluster { cluster in
            let (old, client) = try await cluster.writer()
            let topic = try await client.topic(try Sample.definition())
            let events = try await client.topic(Stream.definition())
            let kept = try await client.put(
                topic, .u64(1), row: try Sample.row(topic, "kept")
            ).offset
            try await client.put(events, "k", "kept")
            let guest = try await cluster.server(old).connect(.named("guest"))
            let reader = try await cluster.reader(old)
            cluster.network.isolate(old)
            let lost = try Sample.row(topic, "lost")

            // All at once: each of them waits for what cannot be agreed on.
            async let put = failure { try await client.put(topic, .u64(2), row: lost) }
            async let event = failure { try await client.put(events, "k", "lost") }
            async let made = failure { _ = try await client.createTopic(Stream.definition("new")) }
            async let claimed = failure {
                _ = try await cluster.server(old).connect(.named("another"))
            }
            async let flushed = failure {
                var batch = Batch(topic, acknowledgement: .none)
                try batch.assert(.u64(3), row: lost)
                try await guest.write(&batch)
                try await guest.flush()
            }
            #expect(await put == .notCommitted)
            #expect(await event == .notCommitted)
            #expect(await made == .notCommitted)
            #expect(await claimed == .notLeader)
            #expect(await flushed == .notCommitted)

            let (new, second) = try await cluster.writer(besides: old)
            #expect(try await second.get(topic, .u64(1), notBefore: kept) != nil)
            let last = try await second.put(
                topic, .u64(4), row: try Sample.row(topic, "new")
            ).offset
            #expect(last == Offset(kept.rawValue + 1), "what was let go has no offset")
            cluster.network.isolate(old, false)
            #expect(try await cluster.hashes(topic.name, at: last).count == 1)
            #expect(try await cluster.hashes(events.name, at: Offset(1)).count == 1)

            // Who only read stayed, and sees what came; who wrote was sent away.
            #expect(try await reader.get(topic, .u64(4), notBefore: last) != nil)
            #expect(try await reader.get(topic, .u64(2)) == nil)
            #expect(await failure { try await guest.ping() } == .notLeader)
            let refused = try cluster.server(old).refusal(claim: .named("guest"))
            #expect(refused.code == .notLeader)
            #expect(refused.address == (try cluster.address(new)))
            try await reader.close()
            try await second.close()
        }
    }

    @Test func everythingAcknowledgedSurvivesTheLeaderAndNothingIsThereTwice() async throws {
        try await withCluster { cluster in
            let (first, client) = try await cluster.writer()
            let events = try await client.topic(Stream.definition())
            let session = UniqueID(high: 1, low: 77)
            let writer = try SessionWriter(
                try cluster.server(first), events.id, session: session)
            try writer.send(1, answered: 0, ["a", "b"])
            let one = try writer.answer()
            try writer.send(3, answered: 0, ["c"])
            let two = try writer.answer()
            try await client.close()
            await cluster.stop(first)

            let (second, next) = try await cluster.writer(besides: first)
            let again = try SessionWriter(
                try cluster.server(second), events.id, session: session)
            // Its client cannot know what became of them and sends them again.
            try again.send(1, answered: 0, ["a", "b"])
            #expect(try again.answer() == one)
            try again.send(3, answered: 0, ["c"])
            #expect(try again.answer() == two)
            try again.send(4, answered: 3, ["d"])
            #expect(try again.answer().results.map(\.offset.rawValue) == [4])
            #expect(
                try await next.events(events).map(Stream.text)
                    == ["put k=a", "put k=b", "put k=c", "put k=d"])
            try await cluster.start(first)
            #expect(try await cluster.hashes(events.name, at: Offset(4)).count == 1)
            try await next.close()
        }
    }

    @Test func aLeaderThatIsStoppedHandsOverFirst() async throws {
        try await withCluster { cluster in
            let (old, client) = try await cluster.writer()
            let topic = try await client.topic(try Sample.definition())
            var batch = Batch(topic, acknowledgement: .received)
            try batch.assert(.u64(1), row: try Sample.row(topic, "merged, and no more"))
            try await client.write(&batch)
            await cluster.stop(old)
            // The others did not have to miss it: that takes them an election timeout.
            for id in cluster.nodes { #expect(try cluster.log(id).leader != old) }
            // The first client went where it was sent, and has its source there.
            let (_, next) = try await cluster.writer(.named("next"))
            #expect(try await next.get(topic, .u64(1), notBefore: Offset(1)) != nil)
            try await next.close()
        }
    }

    @Test func aSourceHasItsWholeDeadlineAgainWhereAnotherLeads() async throws {
        try await withCluster { cluster in
            let (old, client) = try await cluster.writer()
            let topic = try await client.topic(try Sample.definition())
            var options = ClientOptions(name: "gps", source: .named("gps"))
            options.reconnect = .never
            options.heartbeat = .milliseconds(100)
            options.livenessDeadline = .milliseconds(1_000)
            let gps = try await ThalwegClient.connect(
                to: try cluster.server(old).address, options: options)
            let row = try Sample.row(topic, "kept")
            let last = try await gps.put(topic, .u64(1), row: row).offset
            cluster.network.isolate(old)
            // An election takes about as long as the deadline; nobody may die of it.
            let (new, next) = try await cluster.writer(besides: old)
            let again = try await ThalwegClient.connect(
                to: try cluster.server(new).address, options: options)
            #expect(again.source == gps.source)
            let record = try #require(try await next.get(topic, .u64(1), notBefore: last))
            #expect(record.sources == [gps.source])
            #expect(record.offset == last)
            try await again.close()
            // Then it is dead, and the new leader sees to that.
            _ = try await eventually("the record is retracted") {
                try await next.get(topic, .u64(1)) == nil ? true : nil
            }
            try await next.close()
        }
    }

    @Test func anEpochEndsWithTheLeadership() async throws {
        try await withCluster { cluster in
            let (old, client) = try await cluster.writer()
            let topic = try await client.topic(try Sample.definition())
            let events = try await client.topic(Stream.definition())
            let row = try Sample.row(topic, "kept")
            try await client.put(topic, .u64(1), row: row)
            try await client.put(events, "a", "kept")
            // Of both topics, as it is of all.
            let error = await #expect(throws: ThalwegError.self) {
                try await client.epoch {
                    try await client.put(topic, .u64(2), row: row)
                    try await client.put(events, "b", "in it")
                    cluster.network.isolate(old)
                }
            }
            #expect([.notCommitted, .connectionLost].contains(error?.code))
            let (new, next) = try await cluster.writer(besides: old)
            #expect(try await next.get(topic, .u64(1)) != nil, "nothing of it was retracted")
            #expect(try await next.get(events, .string("a")) != nil, "nor here")
            cluster.network.isolate(old, false)
            // The source has no epoch left over, on whichever node leads.
            _ = try await next.epoch {
                try await next.put(topic, .u64(2), row: row)
                try await next.put(events, "c", "in it")
            }
            #expect(try await next.get(topic, .u64(1)) == nil)
            #expect(
                Set(try await next.events(events).map(Stream.text).suffix(2))
                    == ["delete a", "delete b"])
            for name in [topic.name, events.name] {
                let last = try await next.describeTopic(name).lastOffset
                #expect(try await cluster.hashes(name, at: last).count == 1)
            }
            #expect(new != old)
            try await next.close()
        }
    }

    @Test func theWholeClusterStopsAndStartsByItself() async throws {
        try await withCluster { cluster in
            let (_, client) = try await cluster.writer()
            let topic = try await client.topic(try Sample.definition())
            var last = Offset.start
            for key in UInt64(1)...30 {
                last = try await client.put(
                    topic, .u64(key), row: try Sample.row(topic, "p\(key)")
                ).offset
            }
            try await client.close()
            await cluster.stopAll()
            try await cluster.startFounders()
            #expect(try await cluster.hashes(topic.name, at: last).count == 1)
            let (_, next) = try await cluster.writer()
            let same = try await next.topic(topic.name)
            #expect(try await next.count(same).count == 30)
            let later = try await next.put(
                same, .u64(31), row: try Sample.row(same, "later")
            ).offset
            #expect(later == Offset(last.rawValue + 1))
            #expect(try await cluster.hashes(topic.name, at: later).count == 1)
            try await next.close()
        }
    }

    @Test func aFollowerThatWasAwayGetsWhatItMissed() async throws {
        try await withCluster { cluster in
            let (leader, client) = try await cluster.writer()
            let topic = try await client.topic(try Sample.definition())
            try await client.put(topic, .u64(1), row: try Sample.row(topic, "before"))
            let away = try #require(cluster.followers(of: leader).first)
            await cluster.stop(away)
            var last = Offset.start
            for key in UInt64(2)...40 {
                last = try await client.put(
                    topic, .u64(key), row: try Sample.row(topic, "p\(key)")
                ).offset
            }
            try await cluster.start(away)
            #expect(try await cluster.hashes(topic.name, at: last).count == 1)
            try await client.close()
        }
    }

    /// Leaders come and go while somebody writes; a reader hears of each change once.
    @Test func writesGoOnThroughManyLeaders() async throws {
        try await withCluster { cluster in
            var acknowledged: [UInt64] = []
            var reader: (client: ThalwegClient, feed: Subscription)?
            var last = Offset.start
            var key: UInt64 = 0
            for round in 0..<4 {
                let (leader, client) = try await cluster.writer()
                let topic = try await client.topic(try Sample.definition())
                if reader == nil {
                    let id = try #require(cluster.followers(of: leader).first)
                    let client = try await TestServer.connectLasting(
                        try cluster.server(id).address, .readOnly)
                    let own = try await eventually("the topic is there") {
                        try? await client.topic(topic.name)
                    }
                    reader = (client, try await client.subscribe(own))
                }
                for _ in 0..<25 {
                    key += 1
                    let row = try Sample.row(topic, "p\(key)")
                    last = max(last, try await client.put(topic, .u64(key), row: row).offset)
                    acknowledged.append(key)
                }
                // Nobody waits for these: they are there, or they are not.
                var batch = Batch(topic, acknowledgement: .none)
                for stray in UInt64(1_000)...1_010 {
                    try batch.assert(
                        .u64(stray), row: try Sample.row(topic, "stray", 0, Int64(round)))
                }
                try await client.write(&batch)
                cluster.network.isolate(leader)
                _ = try await cluster.writer(besides: leader).client.close()
                cluster.network.isolate(leader, false)
            }
            let (_, client) = try await cluster.writer()
            let topic = try await client.topic(try Sample.definition())
            last = try await client.put(
                topic, .u64(5_000), row: try Sample.row(topic, "end")
            ).offset
            #expect(try await cluster.hashes(topic.name, at: last).count == 1)
            let records = try await client.get(topic, many: acknowledged.map { .u64($0) })
            #expect(records.records.allSatisfy { $0?.version == RecordVersion(1) })
            let held = try #require(reader)
            let heard = try await held.feed.events(to: last)
            let offsets = heard.map(\.offset)
            #expect(offsets == offsets.sorted() && Set(offsets).count == offsets.count)
            #expect(
                Set(acknowledged.map { Key.u64($0) }).isSubset(of: Set(heard.map(\.key))))
            try await held.client.close()
            try await client.close()
        }
    }
}
