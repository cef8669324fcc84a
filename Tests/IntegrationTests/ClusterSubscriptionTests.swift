import Testing
import ThalwegClient
import ThalwegCluster
import ThalwegModel
import ThalwegServer
import ThalwegWire

/// Subscriptions that go from one node to another which is behind it.
@Suite("A cluster's subscriptions", .serialized, .enabled(if: ConsensusCore.isAvailable))
struct ClusterSubscriptionTests {
    /// A topic that all nodes have, more than one delivery long, and a node that is cut off: it does
    /// not hear that record 1 is another one and that there is a new one.
    private struct Behind {
        let cluster: TestCluster
        let leader: NodeID
        let behind: NodeID
        let topic: Topic
        /// What the node that is behind has.
        let there: Offset
        let last: Offset
        let writer: ThalwegClient

        static let records: UInt64 = 900

        init(_ cluster: TestCluster) async throws {
            self.cluster = cluster
            writer = try await cluster.client(.named("writer"))
            topic = try await writer.topic(
                TopicDefinition(name: "values", keyKind: .u64, schema: nil))
            var batch = Batch(topic, acknowledgement: .committed)
            for key in 1...Behind.records { try batch.assert(.u64(key), row: Behind.row(1)) }
            try await writer.write(&batch)
            there = try await writer.describeTopic(topic.name).lastOffset
            _ = try await cluster.hashes(topic.name, at: there)
            leader = try await cluster.leader()
            behind = try #require(cluster.followers(of: leader).first)
            cluster.network.isolate(behind)
            try await writer.put(topic, .u64(1), row: Behind.row(2))
            last = try await writer.put(
                topic, .u64(Behind.records + 1), row: Behind.row(2)
            ).offset
        }

        static func row(_ value: UInt8) -> [UInt8] { [UInt8](repeating: value, count: 1_024) }

        /// What every reader must hold in the end.
        static var truth: [UInt64: [UInt8]] {
            var truth: [UInt64: [UInt8]] = [:]
            for key in 1...records { truth[key] = row(1) }
            truth[1] = row(2)
            truth[records + 1] = row(2)
            return truth
        }
    }

    /// Folds deliveries and says what is wrong with them.
    private struct Fold {
        var records: [UInt64: [UInt8]] = [:]
        var resume = Offset.start

        mutating func take(_ delivery: Delivery) throws {
            #expect(!delivery.isReset)
            for change in try delivery.changes() {
                guard case .u64(let key) = change.key else { continue }
                #expect(change.offset > resume)
                records[key] = change.row
            }
            resume = delivery.resumeOffset
            if delivery.isCaughtUp { #expect(records == Behind.truth, "told that it is complete") }
        }
    }

    @Test func aBootstrapThatIsCutOffIsCompleteWhereTheFirstNodeWas() async throws {
        try await withCluster { cluster in
            let behind = try await Behind(cluster)
            // The second delivery is cut off, and the next connection goes to the node behind.
            let proxy = try CuttingProxy(try cluster.address(behind.leader))
            // It ends in good order: what was sent before arrives.
            proxy.setPlan { _ in CuttingProxy.Plan(toClient: 400_000) }
            let reader = try await TestServer.connectLasting(
                [proxy.address, try cluster.address(behind.behind)].joined(separator: ","),
                .readOnly)
            let feed = try await reader.subscribe(behind.topic)
            var fold = Fold()
            while fold.resume < behind.there, let delivery = try await feed.next() {
                try fold.take(delivery)
                #expect(!delivery.isCaughtUp)
                #expect(delivery.completeAt == behind.last)
            }
            #expect(proxy.cuts == 1)
            #expect(try await reader.status()["node"] == behind.behind.rawValue)
            #expect(fold.records[1] == nil, "it was not where the walk passed")
            cluster.network.isolate(behind.behind, false)
            while let delivery = try await feed.next() {
                try fold.take(delivery)
                if delivery.isCaughtUp { break }
            }
            #expect(fold.resume == behind.last)
            proxy.stop()
            try await reader.close()
            try await behind.writer.close()
        }
    }

    /// A node that does not get there lets its readers go, who ask another one.
    @Test func aBootstrapThatIsCutOffIsCompletedByAnyNodeThatCan() async throws {
        try await withCluster { cluster in
            let behind = try await Behind(cluster)
            let proxy = try CuttingProxy(try cluster.address(behind.leader))
            proxy.setPlan { _ in CuttingProxy.Plan(toClient: 400_000, resets: true) }
            let reader = try await TestServer.connectLasting(
                [
                    proxy.address, try cluster.address(behind.behind),
                    try cluster.address(behind.leader),
                ].joined(separator: ","), .readOnly)
            let feed = try await reader.subscribe(behind.topic)
            var fold = Fold()
            while let delivery = try await feed.next() {
                try fold.take(delivery)
                if delivery.isCaughtUp { break }
            }
            #expect(fold.resume == behind.last)
            #expect(try await reader.status()["node"] == behind.leader.rawValue)
            proxy.stop()
            try await reader.close()
            try await behind.writer.close()
        }
    }

    @Test func aNodeThatIsBehindTellsWhatItHasAndEndsWhatItCannotComplete() async throws {
        try await withCluster { cluster in
            let behind = try await Behind(cluster)
            let peer = try SubscriptionPeer(try cluster.server(behind.behind))
            let answer = try peer.subscribe(Subscribe(behind.topic.id, notBefore: behind.last))
            #expect(answer.tail == behind.there)
            for delivery in try peer.read(to: behind.there) {
                #expect(delivery.flags == [] && delivery.completeAt == behind.last)
            }
            let end = try peer.readToEnd()
            #expect(end.code == .notYet && end.lastOffset == behind.there)

            // Whoever is at the node's tail hears what comes, and then that it is complete.
            try peer.subscribe(
                Subscribe(behind.topic.id, notBefore: behind.last, from: .after(behind.there)))
            cluster.network.isolate(behind.behind, false)
            try peer.readToTail()
            #expect(peer.resume == behind.last && peer.fold == Behind.truth)
            let later = try await behind.writer.put(
                behind.topic, .u64(7), row: [7]
            ).offset
            let live = try #require(try peer.read(to: later).last)
            #expect(live.flags == [] && live.completeAt == later)
            try await behind.writer.close()
        }
    }

    @Test func anOffsetThatNobodyHasIsNotWaitedForByWhoeverLeads() async throws {
        try await withCluster { cluster in
            let (leader, client) = try await cluster.writer()
            let topic = try await client.topic(Stream.definition())
            let last = try await client.put(topic, "k", "v").offset
            _ = try await cluster.hashes(topic.name, at: last)
            let request = Subscribe(topic.id, notBefore: Offset(99))
            #expect(try cluster.server(leader).refusal(of: request).code == .tooOld)
            // What was committed anywhere is known to the leader only.
            let newest = Subscribe(topic.id, notBefore: .newest)
            let follower = try #require(cluster.followers(of: leader).first)
            #expect(try cluster.server(follower).refusal(of: newest).code == .notLeader)
            let reader = try await TestServer.connectLasting(
                try cluster.address(follower), .readOnly)
            let feed = try await reader.subscribe(topic, notBefore: .newest)
            let delivery = try #require(try await feed.next())
            #expect(delivery.isCaughtUp && delivery.resumeOffset == last)
            #expect(try await reader.status()["node"] == leader.rawValue, "it went there")
            try await reader.close()
            try await client.close()
        }
    }

    /// A topic that the node has not heard of yet is waited for like an offset.
    @Test func aSubscriptionComesToANodeThatDoesNotKnowTheTopicYet() async throws {
        try await withCluster { cluster in
            let writer = try await cluster.client(.named("writer"))
            let leader = try await cluster.leader()
            let behind = try #require(cluster.followers(of: leader).first)
            cluster.network.isolate(behind)
            let topic = try await writer.topic(
                TopicDefinition(name: "values", keyKind: .u64, schema: nil))
            let last = try await writer.put(topic, .u64(1), row: [1]).offset
            let peer = try SubscriptionPeer(try cluster.server(behind))
            let request = try peer.send(Subscribe(topic.id, notBefore: last))
            let state = try peer.send(StatusRequest())
            _ = try peer.answer(to: state)
            cluster.network.isolate(behind, false)
            _ = try peer.answer(to: request)
            try peer.readToTail()
            #expect(peer.fold == [1: [1]] && peer.resume == last)
            try await writer.close()
        }
    }
}
