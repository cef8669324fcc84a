import Testing
import ThalwegClient
import ThalwegCluster
import ThalwegModel
import ThalwegServer
import ThalwegWire

/// Three servers that agree on one log, while all are well.
@Suite("A cluster", .serialized, .enabled(if: ConsensusCore.isAvailable))
struct ClusterTests {
    @Test func whatIsWrittenAtTheLeaderIsOnEveryNode() async throws {
        try await withCluster { cluster in
            let (leader, client) = try await cluster.writer()
            let topic = try await client.topic(try Sample.definition())
            var last = Offset.start
            for key in UInt64(1)...50 {
                last = try await client.put(
                    topic, .u64(key), row: try Sample.row(topic, "p\(key)", Double(key))
                ).offset
            }
            for id in cluster.followers(of: leader) {
                let reader = try await cluster.reader(id)
                let own = try await eventually("the topic is there") {
                    try? await reader.topic(topic.name)
                }
                let record = try #require(
                    try await reader.get(own, .u64(50), notBefore: last))
                #expect(try own.values(of: record.row)[0] == .string("p50"))
                #expect(record.offset == last)
                #expect(try await reader.count(own, notBefore: last).count == 50)
                try await reader.close()
            }
            #expect(try await cluster.hashes(topic.name, at: last).count == 1)
            try await client.close()
        }
    }

    @Test func aFollowerRefusesWhatOnlyTheLeaderCanDoAndSaysWhoLeads() async throws {
        try await withCluster { cluster in
            let (leader, client) = try await cluster.writer()
            let topic = try await client.topic(try Sample.definition())
            let last = try await client.put(
                topic, .u64(1), row: try Sample.row(topic, "Ada")
            ).offset
            let follower = try #require(cluster.followers(of: leader).first)
            _ = try await cluster.hashes(topic.name, at: last)
            var options = topic.definition.options
            options.tombstoneRetentionMicroseconds = 1
            // As it is told to a client that does not go there by itself.
            let server = try cluster.server(follower)
            let refusals = [
                try server.refusal(claim: .named("w")), try server.refusal(claim: .any),
                try server.refusal(of: CreateTopic(try Sample.definition("others"))),
                try server.refusal(of: DropTopic(topic.name)),
                try server.refusal(of: TruncateTopic(topic.name)),
                try server.refusal(of: AlterTopic(topic.name, options: options)),
                try server.refusal(ofPut: topic.id, .u64(2), try Sample.row(topic, "Bo")),
            ]
            for (number, error) in refusals.enumerated() {
                #expect(error.code == .notLeader, "refusal \(number)")
                #expect(error.address == (try cluster.address(leader)), "refusal \(number)")
            }
            let reader = try await cluster.reader(follower)
            // A topic that is there already can be opened by who only reads.
            #expect(try await reader.topic(try Sample.definition()).id == topic.id)
            #expect(try await reader.get(topic, .u64(1)) != nil)
            #expect(try await reader.get(topic, .u64(2)) == nil)
            try await reader.close()
            try await client.close()
        }
    }

    @Test func aSubscriptionAtAFollowerSeesEverything() async throws {
        try await withCluster { cluster in
            let (leader, client) = try await cluster.writer()
            let topic = try await client.topic(try Sample.definition())
            let events = try await client.topic(Stream.definition())
            let first = try await client.put(
                topic, .u64(1), row: try Sample.row(topic, "a")
            ).offset
            try await client.put(events, "k", "0")
            let follower = try #require(cluster.followers(of: leader).first)
            _ = try await cluster.hashes(topic.name, at: first)
            _ = try await cluster.hashes(events.name, at: Offset(1))
            let reader = try await cluster.reader(follower)
            let states = try await reader.subscribe(try await reader.topic(topic.name))
            let feed = try await reader.subscribe(
                try await reader.topic(events.name), from: .start, deliver: .every)
            var last = first
            for key in UInt64(2)...60 {
                last = try await client.put(
                    topic, .u64(key), row: try Sample.row(topic, "p\(key)")
                ).offset
                try await client.put(events, "k", "\(key)")
            }
            let heard = try await states.events(to: last)
            #expect(heard.map(\.offset.rawValue) == Array(1...last.rawValue))
            let told = try await feed.events(to: Offset(60))
            #expect(told.map(Stream.text) == ["put k=0"] + (2...60).map { "put k=\($0)" })
            try await reader.close()
            try await client.close()
        }
    }

    @Test func theSystemsTopicsTellOfTheLeaderAndAreReadThere() async throws {
        try await withCluster { cluster in
            let (leader, client) = try await cluster.writer()
            let topic = try await eventually("the topic is made") {
                try? await client.topic("thalweg.connections")
            }
            #expect(try await client.scan(topic).records.count == 1)
            for id in cluster.followers(of: leader) {
                let reader = try await cluster.reader(id)
                let own = try await eventually("the topic is there") {
                    try? await reader.topic(topic.name)
                }
                let server = try cluster.server(id)
                for error in [
                    try server.refusal(of: ScanRequest(own.id, limit: 9)),
                    try server.refusal(of: GetRequest(own.id, keys: [.u64(1)])),
                    try server.refusal(of: Subscribe(own.id, from: .start)),
                ] {
                    #expect(error.code == .notLeader)
                    #expect(error.address == (try cluster.address(leader)))
                }
                // A client that reads goes there.
                #expect(try await reader.scan(own).records.count >= 1)
                try await reader.close()
            }
            try await client.close()
        }
    }

    @Test func theNodesAreRecordsOnEveryNode() async throws {
        try await withCluster { cluster in
            let (leader, client) = try await cluster.writer()
            for id in cluster.nodes {
                let rows = try await eventually("node \(id) tells of all") {
                    try await cluster.asking(id) { try await Self.nodes($0) }.flatMap { rows in
                        // What a node says of itself comes when it has been asked.
                        rows.count == 3 && rows.values.allSatisfy { $0["version"] != .string("") }
                            ? rows : nil
                    }
                }
                for member in cluster.founders.members {
                    let row = try #require(rows["\(member.id)"])
                    #expect(row["role"] == .string(member.id == leader ? "leader" : "voter"))
                    #expect(row["state"] == .string("serving"))
                    #expect(row["address"] == .string(member.address))
                    #expect(row["client_address"] == .string(member.clientAddress))
                    #expect(row["version"] == .string(serverVersion))
                    #expect(row["heard"] != .null)
                    for index in ["commit_index", "applied_index", "disk_index"] {
                        guard case .unsigned(let value)? = row[index] else {
                            Issue.record("\(index) of node \(member.id)")
                            continue
                        }
                        #expect(value > 0, "\(index) of node \(member.id)")
                    }
                    guard case .unsigned(let lag)? = row["lag_entries"] else { continue }
                    #expect(lag < 1_000)
                }
            }
            try await client.close()
        }
    }

    /// Who watches at one node hears that another cannot be reached, and who leads next.
    @Test func theNodesCanBeWatchedAnywhere() async throws {
        try await withCluster { cluster in
            let leader = try await cluster.leader()
            let away = try #require(cluster.followers(of: leader).first)
            let place = try #require(cluster.followers(of: leader).last)
            let reader = try await eventually("the topic is there") {
                let reader = try await cluster.reader(place)
                return try? (reader, await reader.topic("thalweg.nodes"))
            }
            let feed = try await reader.0.subscribe(reader.1, from: .start)
            cluster.network.isolate(away)
            var states: [String: Value] = [:]
            while states["\(away)"] != .string("unreachable") {
                let delivery = try #require(try await feed.next())
                for change in try delivery.changes() {
                    guard case .string(let node) = change.key, let row = change.row else {
                        continue
                    }
                    states[node] = try reader.1.values(of: row)[1]
                }
            }
            #expect(states["\(leader)"] == .string("serving"))
            cluster.network.isolate(away, false)
            while states["\(away)"] != .string("serving") {
                let delivery = try #require(try await feed.next())
                for change in try delivery.changes() {
                    guard case .string(let node) = change.key, let row = change.row else {
                        continue
                    }
                    states[node] = try reader.1.values(of: row)[1]
                }
            }
            try await reader.0.close()
        }
    }

    /// A node that knows of no leader tells what it has.
    @Test func theNodesAreReadWhereNobodyLeads() async throws {
        try await withCluster { cluster in
            let leader = try await cluster.leader()
            let follower = try #require(cluster.followers(of: leader).first)
            _ = try await eventually("they are there") {
                try await cluster.asking(follower) { try await Self.nodes($0) }.flatMap {
                    $0.count == 3 ? true : nil
                }
            }
            for id in cluster.followers(of: follower) { await cluster.stop(id) }
            let reader = try await cluster.reader(follower)
            _ = try await eventually("it misses the leader") {
                try await reader.status()["leader_known"] == 0 ? true : nil
            }
            #expect(try await Self.nodes(reader).count == 3)
            try await reader.close()
        }
    }

    /// The records of `thalweg.nodes` by key, each with its values by field.
    static func nodes(_ client: ThalwegClient) async throws -> [String: [String: Value]] {
        let topic = try await client.topic("thalweg.nodes")
        let names = topic.definition.schema?.fields.map(\.name) ?? []
        var nodes: [String: [String: Value]] = [:]
        for record in try await client.scan(topic).records {
            guard case .string(let node) = record.key else { continue }
            nodes[node] = Dictionary(
                uniqueKeysWithValues: zip(names, try topic.values(of: record.row)))
        }
        return nodes
    }

    @Test func aClusterOfOneServesLikeANodeAlone() async throws {
        try await withCluster(1) { cluster in
            let (id, client) = try await cluster.writer()
            let topic = try await client.topic(try Sample.definition())
            let last = try await client.put(
                topic, .u64(1), row: try Sample.row(topic, "Ada")
            ).offset
            #expect(try await client.status()["leads"] == 1)
            try await client.close()
            await cluster.stop(id)
            try await cluster.start(id)
            #expect(try await cluster.hashes(topic.name, at: last).count == 1)
        }
    }
}
