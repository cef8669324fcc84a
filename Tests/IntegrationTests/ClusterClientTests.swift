import Testing
import ThalwegClient
import ThalwegCluster
import ThalwegModel
import ThalwegServer
import ThalwegWire

/// Clients that come to the wrong node, or to one that is behind.
@Suite("A cluster's wrong nodes", .serialized, .enabled(if: ConsensusCore.isAvailable))
struct ClusterClientTests {
    @Test func aWriterThatComesToAFollowerIsSentToTheLeader() async throws {
        try await withCluster { cluster in
            let leader = try await cluster.leader()
            for id in cluster.followers(of: leader) {
                let client = try await eventually("the follower knows who leads") {
                    try? await cluster.server(id).connect(.named("w\(id)"))
                }
                let topic = try await client.topic(Stream.definition())
                try await client.put(topic, "k", "by way of \(id)")
                #expect(try await client.status()["node"] == leader.rawValue)
                try await client.close()
            }
        }
    }

    /// A topic on all nodes, a follower that is cut off, and what was written since.
    private func leaveBehind(
        _ cluster: TestCluster
    ) async throws -> (behind: NodeID, topic: Topic, last: Offset, writer: ThalwegClient) {
        let (writer, topic, first) = try await cluster.sample("first")
        let behind = try #require(cluster.followers(of: try await cluster.leader()).first)
        cluster.network.isolate(behind)
        var last = first
        for key in UInt64(2)...9 {
            last = try await writer.put(
                topic, .u64(key), row: try Sample.row(topic, "p\(key)")
            ).offset
        }
        return (behind, topic, last, writer)
    }

    @Test func whoHasSeenMoreThanItsNodeWaitsThereAndIsNotToldToStartOver() async throws {
        try await withCluster { cluster in
            let (behind, topic, last, writer) = try await leaveBehind(cluster)
            let raw = try RawConnection(try cluster.server(behind).address)
            try raw.greet()
            try raw.send(
                try Frame.bytes(Subscribe(topic.id, from: .after(last)), requestID: 2)
                    + Frame.bytes(
                        GetRequest(topic.id, keys: [.u64(9)], notBefore: last), requestID: 3)
                    + Frame.bytes(
                        Subscribe(topic.id, from: .after(Offset(last.rawValue - 1))), requestID: 4)
                    + Frame.bytes(StatusRequest(), requestID: 5))
            // The others wait for what it has not got yet.
            #expect(try raw.receive()?.requestID == 5)
            cluster.network.isolate(behind, false)
            var answers: [UInt32: FrameType?] = [:]
            while answers.count < 3 {
                let frame = try #require(try raw.receive())
                if frame.type == .changes {
                    let cursor = try frame.payload.withUnsafeBytes {
                        try ChangeCursor($0, kind: .u64)
                    }
                    #expect(!cursor.flags.contains(.reset))
                } else {
                    answers[frame.requestID] = frame.type
                }
            }
            #expect(answers == [2: .subscribed, 3: .records, 4: .subscribed])
            try await writer.close()
        }
    }

    /// The past is waited for as the present is: by the offset that the answer must have, and by the
    /// places that the question names.
    @Test func whoAsksForThePastWaitsUntilTheNodeHasIt() async throws {
        try await withCluster { cluster in
            let writer = try await cluster.client(.named("writer"))
            let events = try await writer.topic(Stream.definition())
            let first = try await writer.put(events, "k", "1").offset
            _ = try await cluster.hashes(events.name, at: first)
            let behind = try #require(cluster.followers(of: try await cluster.leader()).first)
            cluster.network.isolate(behind)
            var last = first
            for number in 2...5 { last = try await writer.put(events, "k", "\(number)").offset }

            let raw = try RawConnection(try cluster.server(behind).address)
            try raw.greet()
            let id = events.id
            let requests: [any Message] = [
                HistoryRequest(id, notBefore: last),
                HistoryRequest(id, until: .offset(last)),
                DifferenceRequest(id, from: .earliest, until: .newest, notBefore: last),
                DifferenceRequest(id, from: .offset(first), until: .offset(last)),
                StateRequest(id, at: .newest, notBefore: last),
                StateRequest(id, at: .offset(last)),
            ]
            for (number, request) in requests.enumerated() {
                try raw.send(try Frame.bytes(request, requestID: UInt32(number) + 2))
            }
            try raw.send(Frame.bytes(StatusRequest(), requestID: 1))
            // All of them wait for what the node has not got yet.
            #expect(try raw.receive()?.requestID == 1)
            cluster.network.isolate(behind, false)
            var answers: [UInt32: FrameType?] = [:]
            while answers.count < requests.count {
                let frame = try #require(try raw.receive())
                answers[frame.requestID] = frame.type
            }
            #expect(
                answers == [
                    2: .historyPage, 3: .historyPage, 4: .differencePage, 5: .differencePage,
                    6: .statePage, 7: .statePage,
                ])
            let reader = try await cluster.reader(behind)
            #expect(try await reader.history(events, notBefore: last).changes.count == 5)
            #expect(
                try await reader.difference(
                    events, from: .offset(first), until: .offset(last), notBefore: last
                ).map { $0.row.map { String(decoding: $0, as: UTF8.self) } } == ["5"])
            #expect(
                try await reader.scan(events, at: .offset(last), notBefore: last).records.count
                    == 1)
            try await reader.close()
            try await writer.close()
        }
    }

    @Test func whoseNodeStaysBehindGoesOnElsewhere() async throws {
        try await withCluster { cluster in
            let (behind, topic, last, writer) = try await leaveBehind(cluster)
            let leader = try await cluster.leader(besides: behind)
            // At first through a proxy to the leader, then to the one that is behind.
            let proxy = try CuttingProxy(try cluster.address(leader))
            let reader = try await TestServer.connectLasting(
                [proxy.address, try cluster.address(behind), try cluster.address(leader)]
                    .joined(separator: ","), .readOnly)
            let feed = try await reader.subscribe(
                try await reader.topic(topic.name), from: .start)
            #expect(try await feed.events(to: last).map(\.offset.rawValue) == Array(1...9))
            proxy.stop()
            let later = try await writer.put(
                topic, .u64(10), row: try Sample.row(topic, "later")
            ).offset
            let heard = try await feed.events(to: later)
            #expect(heard.map(\.key) == [.u64(10)], "what it had is not told again")
            #expect(try await reader.status()["node"] == leader.rawValue)

            // A read that wants to see as much moves on as well.
            let other = try await TestServer.connectLasting(
                [try cluster.address(behind), try cluster.address(leader)]
                    .joined(separator: ","), .readOnly)
            #expect(try await other.status()["node"] == behind.rawValue)
            #expect(try await other.get(topic, .u64(10), notBefore: later) != nil)
            #expect(try await other.status()["node"] == leader.rawValue)
            try await other.close()
            try await reader.close()
            try await writer.close()
        }
    }

    @Test func anOffsetThatIsNoneOfTheTopicIsRefusedByWhoeverLeads() async throws {
        try await withCluster { cluster in
            let (leader, client) = try await cluster.writer()
            let topic = try await client.topic(Stream.definition())
            try await client.put(topic, "k", "v")
            let error = try cluster.server(leader).refusal(
                of: Subscribe(topic.id, from: .after(Offset(99)), deliver: .every))
            #expect(error.code == .tooOld)
            let follower = try #require(cluster.followers(of: leader).first)
            let other = try cluster.server(follower).refusal(
                of: Subscribe(topic.id, from: .after(Offset(99)), deliver: .every))
            #expect(other.code == .notYet)
            try await client.close()
        }
    }

    @Test func aNodeSaysHowFarBehindItIs() async throws {
        try await withCluster { cluster in
            let (leader, client) = try await cluster.writer()
            let topic = try await client.topic(Stream.definition())
            let last = try await client.put(topic, "k", "v").offset
            _ = try await cluster.hashes(topic.name, at: last)
            let own = try await client.status()
            #expect(own["leader"] == leader.rawValue)
            #expect(own["leader_heard_ms"] == 0)
            let follower = try #require(cluster.followers(of: leader).first)
            let reader = try await cluster.reader(follower)
            let status = try await eventually("it has all that it knows of") {
                let status = try await reader.status()
                // The leader goes on by itself: states are compared.
                let isThere = status["applied_index"] ?? 0 >= own["applied_index"] ?? .max
                return isThere && status["lag_entries"] == 0 ? status : nil
            }
            #expect(status["node"] == follower.rawValue)
            #expect(status["leader"] == leader.rawValue)
            #expect(status["leader_known"] == 1)
            #expect(status["applied_index"] == status["commit_index"])
            cluster.network.isolate(follower)
            _ = try await eventually("it misses the leader") {
                let status = try await reader.status()
                return status["leader_known"] == 0 && status["leader_heard_ms"] ?? 0 >= 800
                    ? true : nil
            }
            try await reader.close()
            try await client.close()
        }
    }
}
