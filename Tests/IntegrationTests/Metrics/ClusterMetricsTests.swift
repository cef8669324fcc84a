import Testing
import ThalwegClient
import ThalwegCluster
import ThalwegModel
import ThalwegServer

/// What the nodes of a cluster tell of themselves and of one another.
@Suite("Metrics of a cluster", .serialized, .enabled(if: ConsensusCore.isAvailable))
struct ClusterMetricsTests {
    private func withMeasuredCluster(
        _ body: (TestCluster) async throws -> Void
    ) async throws {
        try await withCluster { options in
            options.metrics.listen = "127.0.0.1:0"
        } _: {
            try await body($0)
        }
    }

    /// The pages of all nodes, once they agree that one of them leads and all serve.
    private func pages(_ cluster: TestCluster) async throws -> [NodeID: Exposition] {
        try await eventually("all nodes are ready") {
            var pages: [NodeID: Exposition] = [:]
            for id in cluster.nodes {
                let server = try cluster.server(id)
                guard try server.get("/readyz").status == 200 else { return nil }
                pages[id] = try server.metrics()
            }
            let leaders = try pages.values.filter { try $0.value("thalweg_leader") == 1 }
            let states = leaders.first?.chosen("thalweg_peer_state", "state") ?? []
            return leaders.count == 1 && states == ["serving", "serving"] ? pages : nil
        }
    }

    @Test func oneNodeLeadsAndTellsOfTheOthers() async throws {
        try await withMeasuredCluster { cluster in
            let (writer, _, _) = try await cluster.sample()
            let pages = try await pages(cluster)
            let leader = try await cluster.leader()
            for (id, page) in pages {
                let isLeader = id == leader
                #expect(try page.value("thalweg_leader") == (isLeader ? 1 : 0))
                #expect(page.chosen("thalweg_node_role", "role") == [isLeader ? "leader" : "voter"])
                #expect(page.chosen("thalweg_node_info", "node") == ["\(id)"])
                #expect(page.chosen("thalweg_node_state", "state") == ["serving"])
                #expect(try page.value("thalweg_leader_known") == 1)
                #expect(try page.value("thalweg_term") >= 1)
                #expect(try page.value("thalweg_leader_changes_total") >= 1)
                #expect(try page.value("thalweg_leaderships_total") >= (isLeader ? 1 : 0))
                #expect(try page.value("thalweg_members", ["role": "voter"]) == 3)
                #expect(try page.value("thalweg_topic_records", ["topic": "players"]) == 1)
                #expect(try page.value("thalweg_log_syncs_total") > 0)
                #expect(try page.value("thalweg_log_sync_duration_seconds_sum") > 0)
                let peers = page.families["thalweg_peer_lag_entries"]?.samples ?? []
                #expect(
                    Set(peers.compactMap { $0.labels["node"] })
                        == (isLeader ? Set(cluster.followers(of: id).map { "\($0)" }) : []))
            }
            try await writer.close()
        }
    }

    @Test func aNodeThatHearsNoLeaderIsNotReady() async throws {
        try await withMeasuredCluster { cluster in
            _ = try await pages(cluster)
            let leader = try await cluster.leader()
            let alone = try #require(cluster.followers(of: leader).first)
            let server = try cluster.server(alone)
            #expect(try server.get("/readyz").status == 200)
            cluster.network.isolate(alone)
            let line = try await eventually("it notices") {
                let reply = try server.get("/readyz")
                return reply.status == 503 ? reply.body : nil
            }
            #expect(line.hasPrefix("no_leader: "))
            #expect(line.filter { $0 == "\n" }.count == 1)
            #expect(try server.get("/livez").status == 200)
            let page = try server.metrics()
            #expect(try page.value("thalweg_ready") == 0)
            #expect(page.chosen("thalweg_node_state", "state") == ["no leader"])
            _ = try await eventually("the leader misses it") {
                for id in cluster.followers(of: alone) {
                    let peers = try cluster.server(id).metrics().families["thalweg_peer_state"]
                    let isMissed = peers?.samples.contains {
                        $0.value == 1
                            && $0.labels == ["node": "\(alone)", "state": "unreachable"]
                    }
                    if isMissed == true { return true }
                }
                return nil
            }
            cluster.network.isolate(alone, false)
            _ = try await eventually("it serves again") {
                try server.get("/readyz").status == 200 ? true : nil
            }
            _ = try await pages(cluster)
        }
    }

    @Test func aNodeWhoseStateIsAnotherIsNotReady() async throws {
        try await withMeasuredCluster { cluster in
            let (writer, topic, _) = try await cluster.sample()
            let leader = try await cluster.leader()
            let spoiled = try #require(cluster.followers(of: leader).first)
            let server = try cluster.server(spoiled)
            #expect(try await server.server.spoil(topic.id))
            try await writer.put(topic, .u64(2), row: try Sample.row(topic, "q"))
            #expect(await server.server.waitForFailure().code == .clusterDiverged)
            let reply = try server.get("/readyz")
            #expect(reply.status == 503 && reply.body.hasPrefix("cluster_diverged: "))
            let page = try server.metrics()
            #expect(page.chosen("thalweg_node_state", "state") == ["failed"])
            await cluster.stop(spoiled)
            #expect(cluster.failures.map(\.code) == [.clusterDiverged])
            cluster.failures = []
            try await writer.close()
        }
    }

    /// No figure is told that the list does not have, and none is in the list that nobody tells.
    @Test func whatIsToldIsWhatTheListHas() async throws {
        var told: Set<String> = []
        func note(_ page: Exposition) {
            for (name, family) in page.families {
                let labels = family.labels.sorted().map { "`\($0)`" }.joined(separator: ", ")
                told.insert("| `\(name)` | \(family.kind) | \(labels) | \(family.help) |")
            }
        }
        try await withMeasuredCluster { cluster in
            for page in try await pages(cluster).values { note(page) }
        }
        try await withMeasuredServer { options in
            options.snapshotAfterBytes = 4_096
        } _: { server in
            let client = try await server.connect()
            let topic = try await client.topic(try Sample.definition())
            var round: Int64 = 0
            let page = try await eventually("a snapshot was taken") {
                round += 1
                try await client.put(topic, .u64(1), row: try Sample.row(topic, "p", 0, round))
                let page = try server.metrics()
                return try page.value("thalweg_snapshots_total") > 0 ? page : nil
            }
            #expect(try page.value("thalweg_snapshot_timestamp_seconds") > 1_600_000_000)
            #expect(try page.value("thalweg_snapshot_index") > 0)
            note(page)
            try await client.close()
        }
        let rows = MetricsDocument.table.split(separator: "\n").dropFirst(2)
        #expect(Set(rows.map(String.init)) == told)
    }
}
