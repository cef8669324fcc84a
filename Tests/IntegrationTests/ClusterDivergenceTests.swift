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
            let writer = try await cluster.client(.named("writer"))
            let topic = try await writer.topic(try Sample.definition())
            let last = try await writer.put(
                topic, .u64(1), row: try Sample.row(topic, "kept")
            ).offset
            #expect(try await cluster.hashes(topic.name, at: last).count == 1)
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
