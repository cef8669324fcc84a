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

    /// Of a topic that keeps every write each record is deleted by a change of its own, in its place
    /// among the writes: listeners of every event, and readers of the past, see what was.
    @Test func aStreamsTruncationIsInItsHistory() async throws {
        try await withServer { server in
            let client = try await server.connect(.named("w"))
            let topic = try await client.topic(Stream.definition())
            let listener = try await client.subscribe(topic, deliver: .every)
            let latest = try await client.subscribe(topic, from: .start)
            for key in ["a", "b", "c"] { try await client.put(topic, key, "1") }
            try await client.delete(topic, "b")
            try await client.truncateTopic("events")
            let last = try await client.put(topic, "a", "2").offset
            #expect(last == Offset(7))
            let heard = try await listener.events(to: last)
            #expect(
                heard.map(Stream.text) == [
                    "put a=1", "put b=1", "put c=1", "delete b", "delete a", "delete c", "put a=2",
                ])
            #expect(heard.map(\.version.rawValue) == [1, 1, 1, 2, 2, 2, 3])
            #expect(heard[4].reason == .dropped && heard[3].reason == .retracted)
            var held: [Key: [UInt8]] = [:]
            while let delivery = try await latest.next() {
                #expect(!delivery.isReset)
                for change in try delivery.changes() { held[change.key] = change.row }
                if delivery.resumeOffset >= last { break }
            }
            #expect(held == [.string("a"): Array("2".utf8)])
            let before = try await client.scan(topic, at: .offset(Offset(4)))
            #expect(Set(before.records.map(\.key)) == [.string("a"), .string("c")])
            let behind = try await client.scan(topic, at: .offset(Offset(6)))
            #expect(behind.records.isEmpty)
            try await client.close()
        }
    }

    /// Each of the writers' events is wholly before or wholly behind each truncation, also where they
    /// come faster than the log takes them.
    @Test func truncationsAmongEventsKeepTheirPlace() async throws {
        try await withServer { server in
            let client = try await server.connect(.named("w"))
            let topic = try await client.topic(Stream.definition())
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                for writer in 0..<4 {
                    tasks.addTask {
                        let own = try await server.connect(.named("w\(writer)"))
                        for number in 0..<60 {
                            try await own.put(topic, "k\(number % 7)", "\(writer)")
                        }
                        try await own.close()
                    }
                }
                tasks.addTask {
                    for _ in 0..<15 { try await client.truncateTopic("events") }
                }
                try await tasks.waitForAll()
            }
            var fold: [Key: [UInt8]] = [:]
            for event in try await client.events(topic) { fold[event.key] = event.row }
            var held: [Key: [UInt8]] = [:]
            for record in try await client.scan(topic, limit: 1_000).records {
                held[record.key] = record.row
            }
            #expect(fold == held)
            try await client.close()
        }
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
