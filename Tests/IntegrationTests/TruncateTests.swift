import Foundation
import Testing
import ThalwegClient
import ThalwegModel
import ThalwegServer
import ThalwegWire

@Suite struct TruncateTests {
    private func put(
        _ client: ThalwegClient, _ topic: Topic, _ keys: some Sequence<UInt64>
    ) async throws {
        var batch = Batch(topic, acknowledgement: .none)
        for key in keys { try batch.assert(.u64(key), row: try Sample.row(topic, "p\(key)")) }
        try await client.write(&batch)
        try await client.flush()
    }

    @Test func everyRecordIsGoneAndOffsetsGoOn() async throws {
        try await withServer { server in
            let client = try await server.connect(.named("w"))
            let topic = try await client.topic(try Sample.definition())
            try await put(client, topic, 1...2_000)
            let peer = try SubscriptionPeer(server)
            try peer.subscribe(Subscribe(topic.id, from: .start))
            try peer.readToTail()
            #expect(peer.fold.count == 2_000)
            let last = try await client.describeTopic("players").lastOffset
            let entries = try await client.status()["entries"] ?? 0
            try await client.truncateTopic("players")
            let info = try await client.describeTopic("players")
            #expect(info.liveRecords == 0)
            #expect(info.lastOffset == Offset(last.rawValue + 1))
            // One small entry, and a reader is told to forget rather than what to forget.
            #expect(try await client.status()["entries"] == entries + 1)
            let told = try peer.next()
            #expect(told.flags == [.reset, .caughtUp])
            #expect(told.changes.isEmpty && peer.fold.isEmpty && told.resume == info.lastOffset)
            // Versions do not go back.
            let result = try await client.put(topic, .u64(1), row: try Sample.row(topic, "new"))
            #expect(result.version > RecordVersion(1) && result.offset > info.lastOffset)
            try peer.read(to: result.offset)
            #expect(Array(peer.fold.keys) == [1])
            try await client.close()
        }
    }

    /// Each of the writers' batches is wholly before or wholly behind each truncation.
    @Test func truncationsAmongWritesKeepTheirPlace() async throws {
        try await withServer { server in
            let client = try await server.connect(.named("w"))
            let topic = try await client.topic(try Sample.definition(windowMilliseconds: 1))
            let peer = try SubscriptionPeer(server)
            try peer.subscribe(Subscribe(topic.id, from: .start))
            try peer.readToTail()
            for round in UInt64(0)..<20 {
                try await withThrowingTaskGroup(of: Void.self) { tasks in
                    tasks.addTask {
                        for key in UInt64(0)..<30 {
                            try await client.put(
                                topic, .u64(round * 10 + key), row: try Sample.row(topic, "x"))
                        }
                    }
                    tasks.addTask { try await client.truncateTopic("players") }
                    try await tasks.waitForAll()
                }
            }
            let last = try await client.describeTopic("players").lastOffset
            try peer.read(to: last)
            var held: [UInt64: [UInt8]] = [:]
            for record in try await client.scan(topic, limit: 10_000).records {
                if case .u64(let key) = record.key { held[key] = record.row }
            }
            #expect(peer.fold == held)
            try await client.close()
        }
    }

    @Test func aTruncationOutlivesARestart() async throws {
        let first = try await TestServer.start()
        defer { try? FileManager.default.removeItem(atPath: first.directory) }
        let client = try await first.connect(.named("w"))
        let topic = try await client.topic(try Sample.definition())
        try await put(client, topic, 1...100)
        try await client.truncateTopic("players")
        try await put(client, topic, 7...9)
        let version = try await client.get(topic, .u64(7))?.version
        try await client.close()
        await first.server.stop()
        let second = try await TestServer.start(first.directory)
        let reader = try await second.connect(.readOnly)
        let again = try await reader.topic("players")
        #expect(try await reader.count(again).count == 3)
        #expect(try await reader.get(again, .u64(7))?.version == version)
        try await reader.close()
        await second.server.stop()
    }

    @Test func whatCannotBeTruncatedIsRefused() async throws {
        try await withServer { server in
            let client = try await server.connect(.readOnly)
            for (name, code) in [("missing", ErrorCode.unknownTopic), ("thalweg.x", .invalidName)] {
                let error = await #expect(throws: ThalwegError.self) {
                    try await client.truncateTopic(name)
                }
                #expect(error?.code == code)
            }
            try await client.close()
        }
    }
}
