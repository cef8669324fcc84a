import Foundation
import Testing
import ThalwegClient
import ThalwegCluster
import ThalwegLog
import ThalwegModel
import ThalwegServer

/// Everything at once, in an order that a seed decides, while nodes come and go: in the end all have
/// the same state, and it holds all that was acknowledged. `THALWEG_CLUSTER_SEEDS` runs more.
@Suite("A cluster under random load", .serialized, .enabled(if: ConsensusCore.isAvailable))
struct ClusterRandomTests {
    private static let seeds: Range<UInt64> = {
        let text = ProcessInfo.processInfo.environment["THALWEG_CLUSTER_SEEDS"] ?? ""
        return 0..<(UInt64(text) ?? 2)
    }()

    private static let change: TestCluster.Change = { options in
        options.snapshotAfterBytes = 16_384
        options.limits.historyChunkBytes = 4_096
        options.cluster?.replica.trailingEntries = 20
        options.cluster?.replica.trailingBytes = 1
        options.cluster?.replica.consensus.electionMilliseconds = 300
        options.cluster?.replica.consensus.heartbeatMilliseconds = 60
    }

    /// What becomes of requests while leaders change.
    private static let expected: Set<ErrorCode> = [
        .notLeader, .notCommitted, .connectionLost, .timedOut, .unknownTopic, .stopped, .noEpoch,
        .epochOpen, .sourceClaimed,
    ]

    private struct Topics {
        let states: Topic
        let brief: Topic
        let events: Topic

        init(_ client: ThalwegClient) async throws {
            states = try await client.topic(try Sample.definition())
            var definition = try Sample.definition("brief")
            definition.options.timeToLiveMicroseconds = 300_000
            definition.options.tombstoneRetentionMicroseconds = 500_000
            definition.options.history = .forever
            brief = try await client.topic(definition)
            events = try await client.topic(Stream.definition())
        }
    }

    /// One after the other; gives the keys and events that were acknowledged.
    private func write(
        _ client: ThalwegClient, _ random: inout SeededGenerator, _ steps: Int, _ kept: inout Kept
    ) async throws {
        let topics = try await Topics(client)
        for _ in 0..<steps {
            kept.last += 1
            let key = Key.u64(random.next() % 30)
            let row = try Sample.row(topics.states, "n\(kept.last)", 0, Int64(kept.last))
            switch random.next() % 13 {
            case 0, 1:
                try await client.put(topics.states, .u64(1_000 + kept.last), row: row)
                kept.keys.append(1_000 + kept.last)
            case 2, 3:
                try await client.put(topics.events, "e\(kept.last)", "\(kept.last)")
                kept.events.append("put e\(kept.last)=\(kept.last)")
            case 4:
                try await client.put(topics.brief, key, row: row)
            case 5:
                try await client.retract(topics.states, key)
            case 6:
                try await client.delete(topics.events, "e\(random.next() % (kept.last + 1))")
            case 7:
                let patch = try Sample.health(topics.states, Int64(kept.last))
                try await client.patch(
                    topics.states, key, mask: patch.mask, values: patch.values)
            case 8:
                try await client.truncateTopic(topics.brief.name)
            case 9:
                _ = try await client.createTopic(Stream.definition("scratch\(random.next() % 3)"))
                try await client.dropTopic("scratch\(random.next() % 3)")
            case 10:
                try await client.epoch(topics.brief) {
                    _ = try await client.put(topics.brief, key, row: row)
                }
            case 11:
                try await client.epoch(topics.events) {
                    _ = try await client.put(topics.events, "e\(kept.last)", "\(kept.last)")
                }
                kept.events.append("put e\(kept.last)=\(kept.last)")
            default:
                // Nobody waits for these.
                var batch = Batch(topics.states, acknowledgement: .none)
                for _ in 0..<40 { try batch.assert(.u64(random.next() % 30), row: row) }
                try await client.write(&batch)
            }
        }
    }

    private struct Kept {
        var last: UInt64 = 0
        var keys: [UInt64] = []
        var events: [String] = []
    }

    /// Runs `body`, and takes the errors that a change of leader explains for an answer.
    private func whileLeadersChange(_ body: () async throws -> Void) async throws {
        do {
            try await body()
        } catch let error as ThalwegError {
            guard Self.expected.contains(error.code) else { throw error }
        }
    }

    @Test(arguments: seeds)
    func allNodesComeToTheSameState(seed: UInt64) async throws {
        try await withCluster(3, Self.change) { cluster in
            var random = SeededGenerator(seed: seed)
            var kept = Kept()
            for round in 0..<8 {
                let (leader, client) = try await cluster.writer(.named("w\(round % 2)"))
                let other = cluster.followers(of: leader)[Int(random.next() % 2)]
                try await whileLeadersChange {
                    try await write(client, &random, 25, &kept)
                }
                let lost = random.next() % 3 == 0 ? other : leader
                let isStopped = random.next() % 3 == 0
                if isStopped {
                    await cluster.stop(lost)
                } else {
                    cluster.network.isolate(lost)
                }
                // At whom it still believes to lead, and at who does.
                try await whileLeadersChange {
                    try await write(client, &random, 3, &kept)
                }
                let (_, next) = try await cluster.writer(.named("x"), besides: lost)
                try await whileLeadersChange {
                    try await write(next, &random, 25, &kept)
                }
                try? await next.close()
                try? await client.close()
                if isStopped {
                    try await cluster.start(lost)
                } else {
                    cluster.network.isolate(lost, false)
                }
            }
            try await check(cluster, kept, seed)
        }
    }

    private func check(_ cluster: TestCluster, _ kept: Kept, _ seed: UInt64) async throws {
        let (_, client) = try await cluster.writer()
        let topics = try await Topics(client)
        for topic in [topics.states.name, topics.brief.name, topics.events.name] {
            // What expires, and what forgets deletions, comes to rest by itself.
            _ = try await eventually("all nodes agree on \(topic), seed \(seed)") { () -> Bool? in
                var states: Set<String> = []
                for id in cluster.nodes {
                    let hashed = try await cluster.asking(id) { try await $0.hashTopic(topic) }
                    guard let hashed else { return nil }
                    states.insert("\(hashed.offset) \(hashed.hash)")
                }
                return states.count == 1 ? true : nil
            }
        }
        let records = try await client.get(topics.states, many: kept.keys.map { .u64($0) })
        #expect(records.records.allSatisfy { $0 != nil }, "seed \(seed)")
        let told = try await client.events(topics.events).map(Stream.text)
        #expect(Set(kept.events).isSubset(of: Set(told)), "seed \(seed)")
        let puts = told.filter { $0.hasPrefix("put") }
        #expect(Set(puts).count == puts.count, "nothing is there twice, seed \(seed)")
        try await client.close()
    }
}
