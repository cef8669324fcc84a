import Foundation
import Testing
import ThalwegClient
import ThalwegModel
import ThalwegServer

/// A history that has outgrown its memory is in files, and readers do not notice.
@Suite struct HistoryFileTests {
    @Test func aHistoryInFilesIsReadAfterSnapshotsAndRestarts() async throws {
        var change = { (options: inout ServerOptions) in
            options.limits.historyChunkBytes = 16 << 10
            options.snapshotAfterBytes = 64 << 10
        }
        let first = try await TestServer.start(nil, change)
        defer { try? FileManager.default.removeItem(atPath: first.directory) }
        let client = try await first.connect(.named("w"))
        let topic = try await client.topic(
            TopicDefinition(
                name: "events", keyKind: .u64, schema: nil,
                options: TopicOptions(writes: .every, history: .forever)))
        for round in UInt64(0)..<40 {
            var batch = Batch(topic, acknowledgement: .committed)
            for key in UInt64(0)..<50 {
                try batch.assert(
                    .u64(key), row: Array("\(round)/\(key)".utf8) + [UInt8](repeating: 7, count: 90)
                )
            }
            try await client.write(&batch)
        }
        try await check(client, topic)
        try await client.close()
        await first.server.stop()
        let folder = URL(fileURLWithPath: first.directory).appending(path: "history")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path)
        #expect(files.count >= 5, "\(files)")

        for _ in 0..<2 {
            let next = try await TestServer.start(first.directory, change)
            let reader = try await next.connect(.named("w"))
            try await check(reader, try await reader.topic("events"))
            try await reader.close()
            await next.server.stop()
            change = { $0.limits.historyChunkBytes = 1 << 20 }
        }
    }

    private func check(_ client: ThalwegClient, _ topic: Topic) async throws {
        let subscription = try await client.subscribe(topic, deliver: .every)
        var seen: UInt64 = 0
        while seen < 2_000 {
            let delivery = try #require(try await subscription.next())
            for change in try delivery.changes() {
                let text = "\(seen / 50)/\(seen % 50)"
                seen += 1
                #expect(change.offset.rawValue == seen)
                #expect(change.row?.starts(with: Array(text.utf8)) == true)
            }
        }
        subscription.cancel()
    }
}
