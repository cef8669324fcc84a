import Foundation
import Testing
import ThalwegClient
import ThalwegLog
import ThalwegModel

/// The server is killed in each part of an epoch, of one topic and of all, with windows and without.
/// Afterwards the source asserts all that it did before and during the epoch, or just what it did
/// during it, never a part of the difference; what was answered holds.
@Suite(.serialized) struct EpochKillTests {
    /// Where the kill comes.
    private enum Place: CaseIterable {
        case afterBegin, amongWrites, beforeEnd, duringEnd, afterEnd
    }

    private static let definitions = [
        TopicDefinition(
            name: "values", keyKind: .u64, schema: nil,
            options: TopicOptions(writes: .coalesced(windowMicroseconds: 2_000))),
        TopicDefinition(
            name: "events", keyKind: .u64, schema: nil,
            options: TopicOptions(writes: .every, history: .forever)),
    ]

    @Test func anEpochIsWholeOrNothingAfterAKill() async throws {
        let seed = CrashRun.configuredSeed
        // Each place with all topics, and with one of them.
        let rounds = max(2 * Place.allCases.count, CrashRun.configuredRounds / 2)
        print("epoch crash seed \(seed), \(rounds) rounds")
        var random = SeededGenerator(seed: seed)
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("thalweg-crash-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let data = folder.appendingPathComponent("data").path
        var server = try ServerProcess(data: data)
        var held: [String: Set<UInt64>] = [:]
        var ended = 0
        for round in 0..<rounds {
            let place = Place.allCases[round % Place.allCases.count]
            let client = try await connect(server)
            var topics: [Topic] = []
            for definition in Self.definitions { topics.append(try await client.topic(definition)) }
            for topic in topics {
                for _ in 0..<50 {
                    held[topic.name, default: []].insert(.random(in: 0..<300, using: &random))
                }
                try await put(client, topic, held[topic.name] ?? [])
            }
            try await client.flush()

            // The first, the second, or both.
            let scope = round / Place.allCases.count % 2 == 0 ? 2 : round % 2
            let covered = scope == 2 ? topics : [topics[scope]]
            let wanted = Set((0..<60).map { _ in UInt64.random(in: 0..<300, using: &random) })
            let cut = Int.random(in: 0..<wanted.count, using: &random)
            let delay = UInt32.random(in: 0..<4_000, using: &random)
            var isAnswered = false
            let running = server
            do {
                try await client.epoch(scope == 2 ? nil : topics[scope]) {
                    if place == .afterBegin { running.crash() }
                    for topic in covered {
                        try await put(client, topic, wanted.sorted().prefix(cut))
                    }
                    if place == .amongWrites { running.crash() }
                    for topic in covered { try await put(client, topic, wanted) }
                    try await client.flush()
                    if place == .beforeEnd { running.crash() }
                    if place == .duringEnd {
                        let process = running.processID
                        Thread.detachNewThread {
                            // A crash comes at any moment: this one, while the end is under way.
                            usleep(delay)
                            kill(process, SIGKILL)
                        }
                    }
                }
                isAnswered = true
            } catch {
                #expect(place != .afterEnd, "seed \(seed), round \(round): \(error)")
            }
            server.crash()

            server = try ServerProcess(data: data)
            let reader = try await connect(server)
            for topic in topics {
                let comment: Comment = "seed \(seed), round \(round): \(place), \(topic.name)"
                let before = held[topic.name] ?? []
                let keys = try await self.keys(reader, topic.name)
                held[topic.name] = keys
                guard covered.contains(where: { $0.name == topic.name }) else {
                    #expect(keys == before, comment)
                    continue
                }
                let isAll = keys.isSubset(of: before.union(wanted)) && before.isSubset(of: keys)
                switch place {
                case .afterBegin:
                    #expect(keys == before, comment)
                case .amongWrites, .beforeEnd:
                    #expect(isAll, comment)
                    if place == .beforeEnd { #expect(wanted.isSubset(of: keys), comment) }
                case .duringEnd:
                    #expect(keys == wanted || (isAll && !isAnswered), comment)
                case .afterEnd:
                    #expect(keys == wanted, comment)
                }
                if keys == wanted { ended += 1 }
            }
            try await reader.close()
        }
        #expect(ended >= rounds / Place.allCases.count, "no epoch came to its end")
        #expect(server.stop() == 0, "seed \(seed): \(server.said)")
    }

    private func connect(_ server: ServerProcess) async throws -> ThalwegClient {
        var options = ClientOptions(name: "crash", source: .named("fleet", shared: true))
        options.reconnect = .never
        return try await ThalwegClient.connect(to: server.address, options: options)
    }

    private func put(
        _ client: ThalwegClient, _ topic: Topic, _ keys: some Sequence<UInt64>
    ) async throws {
        var batch = Batch(topic, acknowledgement: .none)
        for key in keys { try batch.assert(.u64(key), row: Array("value \(key)".utf8)) }
        if batch.count > 0 { try await client.write(&batch) }
    }

    private func keys(_ client: ThalwegClient, _ name: String) async throws -> Set<UInt64> {
        let topic = try await client.topic(name)
        var keys: Set<UInt64> = []
        var token: [UInt8] = []
        repeat {
            let page = try await client.scan(topic, resumeToken: token)
            for case .u64(let key) in page.records.map(\.key) { keys.insert(key) }
            token = page.nextToken
        } while !token.isEmpty
        return keys
    }
}
