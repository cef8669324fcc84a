import Testing
import ThalwegClient
import ThalwegCluster
import ThalwegModel
import ThalwegServer

/// Nodes that get their state from another node's snapshot, and programs on every node.
@Suite("A cluster's snapshots", .serialized, .enabled(if: ConsensusCore.isAvailable))
struct ClusterSnapshotTests {
    /// Snapshots soon, and hardly any log behind them.
    private static let eager: TestCluster.Change = { options in
        options.snapshotAfterBytes = 4_096
        options.limits.historyChunkBytes = 4_096
        options.cluster?.replica.trailingEntries = 5
        options.cluster?.replica.trailingBytes = 1
    }

    /// Writes until the node has taken a snapshot behind `index`, and gives the last offset.
    private func fill(
        _ client: ThalwegClient, _ topic: Topic, behind index: UInt64
    ) async throws -> Offset {
        var round: Int64 = 0
        repeat {
            round += 1
            var batch = Batch(topic, acknowledgement: .committed)
            for key in UInt64(1)...100 {
                try batch.assert(
                    .u64(key), row: try Sample.row(topic, "p\(key)", Double(index), round))
            }
            try await client.write(&batch)
        } while try await client.status()["snapshot_index"] ?? 0 <= index && round < 2_000
        #expect(try await client.status()["snapshot_index"] ?? 0 > index)
        return try await client.describeTopic(topic.name).lastOffset
    }

    @Test func whoJoinsLateGetsASnapshotAndHasTheSameState() async throws {
        try await withCluster(1, Self.eager) { cluster in
            let (leader, client) = try await cluster.writer()
            let topic = try await client.topic(try Sample.definition())
            let events = try await client.topic(Stream.definition())
            // Enough for several chunks of history, which stand alone would move to files.
            for number in 1...300 {
                try await client.put(events, "k\(number % 7)", String(repeating: "x", count: 100))
            }
            var last = try await fill(client, topic, behind: 0)
            let joining = NodeID(9)
            try await cluster.start(joining, isFounder: false)
            let member = try cluster.member(joining)
            try await cluster.change(leader) { $0.add(member, $1) }
            #expect(try await cluster.hashes(topic.name, at: last).count == 1)
            #expect(try await cluster.hashes(events.name, at: Offset(300)).count == 1)
            let reader = try await cluster.reader(joining)
            #expect(
                try await reader.status()["snapshot_index"] ?? 0 > 0, "it came as a snapshot")
            let history = try await reader.events(try await reader.topic(events.name))
            #expect(history.map(\.offset.rawValue) == Array(1...300))
            try await reader.close()

            // It votes, leads, and what it took over goes on. Who writes there comes anew.
            try await client.close()
            try await cluster.change(leader) { $0.promote(joining, $1) }
            try await cluster.change(leader) { $0.transfer(to: joining, $1) }
            let (new, next) = try await cluster.writer(besides: leader)
            #expect(new == joining)
            last = try await next.put(
                topic, .u64(500), row: try Sample.row(topic, "by the new one")
            ).offset
            #expect(try await cluster.hashes(topic.name, at: last).count == 1)
            try await next.close()
        }
    }

    @Test func aReaderAtANodeWhoseStateIsReplacedGoesOnAtItsOffset() async throws {
        try await withCluster(3, Self.eager) { cluster in
            let (leader, client) = try await cluster.writer()
            let topic = try await client.topic(try Sample.definition())
            let away = try #require(cluster.followers(of: leader).first)
            let first = try await client.put(
                topic, .u64(1), row: try Sample.row(topic, "first")
            ).offset
            _ = try await cluster.hashes(topic.name, at: first)
            let reader = try await TestServer.connectLasting(
                try cluster.server(away).address, .readOnly)
            let feed = try await reader.subscribe(try await reader.topic(topic.name))
            let before = try await feed.events(to: first)
            #expect(before.map(\.key) == [.u64(1)])

            let taken = try await client.status()["committed_index"] ?? 0
            cluster.network.isolate(away)
            _ = try await fill(client, topic, behind: taken)
            try await client.retract(topic, .u64(100))
            let last = try await client.put(
                topic, .u64(700), row: try Sample.row(topic, "last")
            ).offset
            cluster.network.isolate(away, false)
            #expect(try await cluster.hashes(topic.name, at: last).count == 1)
            #expect(
                try await reader.status()["snapshot_index"] ?? 0 > taken, "it came as a snapshot")
            var held: Set<Key> = []
            for change in try await feed.events(to: last) {
                if change.row == nil { held.remove(change.key) } else { held.insert(change.key) }
            }
            #expect(held == Set((UInt64(1)...99).map { .u64($0) } + [.u64(700)]))
            try await reader.close()
            try await client.close()
        }
    }

    /// A cluster's snapshots hold its histories, which lie in files without a name meanwhile: they
    /// take no memory on any node, whichever way it came to them.
    @Test func aClustersHistoryOutgrowsMemoryOnEveryNode() async throws {
        let change = { @Sendable (options: inout ServerOptions) in
            options.limits.historyChunkBytes = 16 << 10
            options.snapshotAfterBytes = 256 << 10
            options.cluster?.replica.trailingEntries = 5
            options.cluster?.replica.trailingBytes = 1
        }
        try await withCluster(1, change) { cluster in
            let (leader, client) = try await cluster.writer()
            let topic = try await client.writeRounds(padding: 500)
            let joining = NodeID(9)
            try await cluster.start(joining, isFounder: false)
            let member = try cluster.member(joining)
            try await cluster.change(leader) { $0.add(member, $1) }
            try await expectHistory(cluster, from: client, topic)

            // A node that starts has it from its own snapshot, and more of it from the leader.
            await cluster.stop(joining)
            try await client.put(topic, .u64(1), row: [1])
            try await cluster.start(joining, isFounder: false)
            try await expectHistory(cluster, from: client, topic)
            try await client.close()
        }
    }

    /// Every node has the topic, its changes from the first on, and little of them in memory.
    private func expectHistory(
        _ cluster: TestCluster, from client: ThalwegClient, _ topic: Topic
    ) async throws {
        let last = try await client.describeTopic(topic.name).lastOffset
        #expect(try await cluster.hashes(topic.name, at: last).count == 1)
        for id in cluster.nodes {
            // Twice the rows and more; the records themselves take 50 of 2,000.
            _ = try await eventually("node \(id) has stored its history") {
                try await cluster.asking(id) { reader in
                    try await reader.status()["memory_bytes"] ?? .max
                }.flatMap { $0 < 1_000_000 ? true : nil }
            }
            let reader = try await cluster.reader(id)
            let told = try await reader.events(try await reader.topic(topic.name))
            #expect(told.map(\.offset.rawValue) == Array(1...last.rawValue))
            try await reader.close()
        }
    }

    @Test(.enabled(if: ProgramModules.areThere, ProgramModules.advice))
    func aProgramIsTheSameOnEveryNode() async throws {
        try await withCluster(3, Self.eager) { cluster in
            let (leader, client) = try await cluster.writer()
            let topic = try await client.topic(Accounts.definition())
            try await client.deployProgram(
                ProgramModules.example("Transfer"), to: topic.name, name: "Transfer")
            for account in UInt64(1)...20 { try await client.put(topic, account, 100) }
            for account in UInt64(1)...19 {
                try await client.transfer(topic, 10, from: account, to: account + 1)
            }
            _ = try await client.refusal { try await client.transfer(topic, 500, from: 1, to: 2) }
            let filler = try await client.topic(try Sample.definition())
            _ = try await fill(client, filler, behind: 0)
            let joining = NodeID(9)
            try await cluster.start(joining, isFounder: false)
            let member = try cluster.member(joining)
            try await cluster.change(leader) { $0.add(member, $1) }
            let last = try await client.transfer(topic, 1, from: 1, to: 2).offset
            // A transfer is two changes; the newest offset is the topic's.
            let newest = try await client.describeTopic(topic.name).lastOffset
            #expect(newest >= last)
            #expect(try await cluster.hashes(topic.name, at: newest).count == 1)
            var states: Set<UInt64> = []
            for id in cluster.nodes {
                states.insert(
                    try await eventually("node \(id) tells") {
                        try await cluster.asking(id) {
                            try await $0.program(topic.name).stateHash
                        }
                    })
            }
            #expect(states.count == 1)
            try await client.close()
        }
    }
}
