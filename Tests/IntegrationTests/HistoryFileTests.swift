import Foundation
import Testing
import ThalwegClient
import ThalwegModel
import ThalwegServer

/// A history that has outgrown its memory is in files, and readers do not notice.
@Suite struct HistoryFileTests {
    @Test(.timeLimit(.minutes(2)))
    func aHistoryInFilesIsReadAfterSnapshotsAndRestarts() async throws {
        var change = { (options: inout ServerOptions) in
            options.limits.historyChunkBytes = 16 << 10
            options.snapshotAfterBytes = 64 << 10
        }
        let first = try await TestServer.start(nil, change)
        defer { try? FileManager.default.removeItem(atPath: first.directory) }
        let client = try await first.connect(.named("w"))
        let topic = try await client.writeRounds(padding: 90)
        try await check(client, topic)
        // Storing goes on behind the writes.
        let folder = first.directory + "/history"
        while try FileManager.default.contentsOfDirectory(atPath: folder).count < 5 {
            await Task.yield()
        }
        try await client.close()
        await first.server.stop()

        for _ in 0..<2 {
            let next = try await TestServer.start(first.directory, change)
            let reader = try await next.connect(.named("w"))
            try await check(reader, try await reader.topic("events"))
            try await reader.close()
            await next.server.stop()
            change = { $0.limits.historyChunkBytes = 1 << 20 }
        }
    }

    /// A byte of a history file is another one. Who reads that stretch is told; nothing else stops.
    @Test(.timeLimit(.minutes(2)))
    func damageIsToldToWhoReadsItAndToNobodyElse() async throws {
        try await withServer {
            $0.limits.historyChunkBytes = 16 << 10
        } _: { server in
            let client = try await server.connect(.named("w"))
            let topic = try await client.topic(
                TopicDefinition(
                    name: "events", keyKind: .u64, schema: nil,
                    options: TopicOptions(writes: .every, history: .forever)))
            for number in UInt64(1)...300 {
                try await client.put(
                    topic, .u64(number % 50), row: [UInt8](repeating: 7, count: 90))
            }
            let file = server.directory + "/history/\(topic.id)-1.history"
            while !FileManager.default.fileExists(atPath: file) { await Task.yield() }
            try flipByte(1_000, of: file)

            // Until the file has taken its place, the chunk is read from memory.
            var damage: ThalwegError?
            while damage == nil {
                do throws(ThalwegError) {
                    _ = try await client.history(topic, after: .offset(.start))
                } catch {
                    damage = error
                }
            }
            #expect(damage?.code == .logDamaged && damage?.message.contains(file) == true)
            let past = await #expect(throws: ThalwegError.self) {
                _ = try await client.scan(topic, at: .offset(Offset(3)))
            }
            #expect(past?.code == .logDamaged)
            let ended = await #expect(throws: ThalwegError.self) {
                let listener = try await client.subscribe(topic, from: .start, deliver: .every)
                while try await listener.next() != nil {}
            }
            #expect(ended?.code == .logDamaged)
            // The topic goes on, and what is behind the damage is read.
            #expect(try await client.get(topic, .u64(7))?.row.count == 90)
            let last = try await client.put(topic, .u64(7), row: [1]).offset
            let newest = try await client.history(
                topic, after: .offset(Offset(last.rawValue - 1)))
            #expect(newest.changes.map(\.offset) == [last])
            try await client.close()
        }
    }

    private func flipByte(_ position: UInt64, of path: String) throws {
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
        defer { try? file.close() }
        try file.seek(toOffset: position)
        let byte = try #require(try file.read(upToCount: 1)?.first)
        try file.seek(toOffset: position)
        try file.write(contentsOf: [byte ^ 1])
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
