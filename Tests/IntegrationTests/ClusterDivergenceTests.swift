import Testing
import ThalwegClient
import ThalwegCluster
import ThalwegModel
import ThalwegServer

/// A node whose state is not what it should be.
@Suite("A cluster's state", .serialized, .enabled(if: ConsensusCore.isAvailable))
struct ClusterDivergenceTests {
    @Test func aNodeWhoseStateIsAnotherStopsServingAndTheOthersGoOn() async throws {
        try await withCluster { cluster in
            let (writer, topic, _) = try await cluster.sample("kept")
            let leader = try await cluster.leader()
            let spoiled = try #require(cluster.followers(of: leader).first)
            let reader = try await TestServer.connectLasting(
                [try cluster.address(spoiled), try cluster.address(leader)]
                    .joined(separator: ","), .readOnly)
            let feed = try await reader.subscribe(try await reader.topic(topic.name))
            #expect(try await reader.status()["node"] == spoiled.rawValue)
            let server = try cluster.server(spoiled)
            #expect(try await server.server.spoil(topic.id))

            // It is found when the topic is looked at the next time it has changed.
            try await writer.put(topic, .u64(2), row: try Sample.row(topic, "next"))
            let error = await server.server.waitForFailure()
            #expect(error.code == .clusterDiverged)
            #expect(try server.refusal(claim: .readOnly).code == .clusterDiverged)

            // The others serve, and the reader goes on there.
            let end = try await writer.put(
                topic, .u64(3), row: try Sample.row(topic, "end")
            ).offset
            let heard = try await feed.events(to: end)
            #expect(heard.map(\.offset.rawValue) == Array(1...end.rawValue))
            #expect(try await reader.status()["node"] == leader.rawValue)
            await cluster.stop(spoiled)
            #expect(cluster.failures.map(\.code) == [.clusterDiverged])
            cluster.failures = []
            #expect(try await cluster.hashes(topic.name, at: end).count == 1)
            try await reader.close()
            try await writer.close()
        }
    }

    /// However large the topic is: it is looked at in slices, and goes on meanwhile.
    @Test func aBitInALargeTopicIsFound() async throws {
        // On a busy machine too the same node leads to the end: a follower is spoilt, and the others not.
        let patience: TestCluster.Change = {
            $0.cluster?.replica.consensus.electionMilliseconds = 4_000
        }
        try await withCluster(3, patience) { cluster in
            let writer = try await cluster.client(.named("writer"))
            let topic = try await writer.topic(
                TopicDefinition(name: "large", keyKind: .u64, schema: nil))
            let row = [UInt8](repeating: 1, count: 24)
            for first in stride(from: UInt64(0), to: 150_000, by: 10_000) {
                var batch = Batch(topic, acknowledgement: .committed)
                for key in first..<first + 10_000 { try batch.assert(.u64(key), row: row) }
                try await writer.write(&batch)
            }
            let loaded = try await writer.describeTopic(topic.name).lastOffset
            #expect(loaded == Offset(150_000))
            #expect(try await cluster.hashes(topic.name, at: loaded).count == 1)
            let leader = try await cluster.leader()
            let server = try cluster.server(leader)
            let before = try await server.server.comparisons([topic.id])[0]
            var value = UInt8(1)
            _ = try await eventually("it is compared while it is written") {
                value = value &+ 1
                try await writer.put(topic, .u64(value % 7 == 0 ? 1 : 149_999), row: [value])
                return try await server.server.comparisons([topic.id])[0] > before + 2 ? true : nil
            }
            #expect(cluster.failures.isEmpty, "nobody is accused")

            let follower = try #require(cluster.followers(of: leader).first)
            let spoiled = try cluster.server(follower)
            #expect(try await spoiled.server.spoil(topic.id))
            let found = try await eventually("the follower is found to differ") {
                value = value &+ 1
                try await writer.put(topic, .u64(149_999), row: [value])
                return spoiled.server.failed
            }
            #expect(found.code == .clusterDiverged)
            #expect(try spoiled.refusal(claim: .readOnly).code == .clusterDiverged)
            await cluster.stop(follower)
            #expect(cluster.failures.map(\.code) == [.clusterDiverged])
            cluster.failures = []

            // Who asks for a hash of a topic that goes is told so, or what it was.
            let asked = Task { try await writer.hashTopic(topic.name) }
            try await writer.dropTopic(topic.name)
            if case .failure(let error) = await asked.result {
                #expect((error as? ThalwegError)?.code == .unknownTopic)
            }
            try await writer.close()
        }
    }

    /// Every kind of topic, looked at again and again while leaders change: nobody is accused.
    @Test func healthyNodesAreNotAccused() async throws {
        try await withCluster { cluster in
            try await ClusterLoad.run(cluster, isSwitching: true) { load in
                for _ in 0..<3 {
                    let leader = try await cluster.leader()
                    let topics = [load.events.id, load.states.id]
                    _ = try await eventually("both topics are compared under this leader") {
                        let checked = try await cluster.server(leader).server.comparisons(topics)
                        return checked.allSatisfy { $0 > 0 } ? true : nil
                    }
                    await cluster.stop(leader)
                    try await load.progress()
                    try await cluster.start(leader)
                    try await cluster.caughtUp(leader)
                }
            }
        }
    }
}
