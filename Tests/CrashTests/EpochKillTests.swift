import Foundation
import Testing
import ThalwegClient
import ThalwegLog
import ThalwegModel

/// The server is killed in each part of an epoch. Afterwards the source asserts all that it did
/// before and during the epoch, or just what it did during it, never a part of the difference; what
/// was answered holds.
@Suite(.serialized) struct EpochKillTests {
    /// Where the kill comes.
    private enum Place: CaseIterable {
        case amongWrites, beforeEnd, duringEnd, afterEnd
    }

    @Test func anEpochIsWholeOrNothingAfterAKill() async throws {
        let seed = CrashRun.configuredSeed
        let rounds = max(8, CrashRun.configuredRounds / 2)
        print("epoch crash seed \(seed), \(rounds) rounds")
        var random = SeededGenerator(seed: seed)
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("thalweg-crash-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let data = folder.appendingPathComponent("data").path
        var server = try ServerProcess(data: data)
        var held = Set<UInt64>()
        var ended = 0
        for round in 0..<rounds {
            let place = Place.allCases[round % Place.allCases.count]
            let client = try await connect(server)
            let topic = try await client.topic(
                TopicDefinition(
                    name: "values", keyKind: .u64, schema: nil,
                    options: TopicOptions(writes: .coalesced(windowMicroseconds: 2_000))))
            for _ in 0..<50 { held.insert(.random(in: 0..<300, using: &random)) }
            try await put(client, topic, held)
            try await client.flush()

            let wanted = Set((0..<60).map { _ in UInt64.random(in: 0..<300, using: &random) })
            let cut = Int.random(in: 0..<wanted.count, using: &random)
            let delay = UInt32.random(in: 0..<4_000, using: &random)
            var isAnswered = false
            let running = server
            do {
                try await client.epoch(topic) {
                    try await put(client, topic, wanted.sorted().prefix(cut))
                    if place == .amongWrites { running.crash() }
                    try await put(client, topic, wanted)
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
            let keys = try await self.keys(reader)
            let isAll = keys.isSubset(of: held.union(wanted)) && held.isSubset(of: keys)
            switch place {
            case .amongWrites, .beforeEnd:
                #expect(isAll, "seed \(seed), round \(round): \(place)")
                if place == .beforeEnd { #expect(wanted.isSubset(of: keys)) }
            case .duringEnd:
                #expect(keys == wanted || (isAll && !isAnswered), "seed \(seed), round \(round)")
            case .afterEnd:
                #expect(keys == wanted, "seed \(seed), round \(round)")
            }
            if keys == wanted { ended += 1 }
            held = keys
            try await reader.close()
        }
        #expect(ended >= rounds / 4, "no epoch came to its end")
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

    private func keys(_ client: ThalwegClient) async throws -> Set<UInt64> {
        let topic = try await client.topic("values")
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
