import Foundation
import Logging
import Testing
import ThalwegClient
import ThalwegLog
import ThalwegModel
import ThalwegServer

@Suite struct RestartTests {
    @Test func everythingIsThereAfterARestart() async throws {
        let first = try await TestServer.start()
        defer { try? FileManager.default.removeItem(atPath: first.directory) }
        let client = try await first.connect(.named("w"))
        let topic = try await client.topic(try Sample.definition())
        for key in UInt64(1)...200 {
            var batch = Batch(topic, acknowledgement: .none)
            try batch.assert(.u64(key), row: try Sample.row(topic, "p\(key)", Double(key)))
            try await client.write(&batch)
        }
        try await client.flush()
        try await client.retract(topic, .u64(7))
        let keys = (UInt64(1)...200).map { Key.u64($0) }
        let before = try await client.get(topic, many: keys).records
        let offset = try await client.describeTopic("players").lastOffset
        try await client.close()
        await first.server.stop()

        let second = try await TestServer.start(first.directory)
        let reader = try await second.connect(.readOnly)
        let same = try await reader.topic("players")
        #expect(try await reader.get(same, many: keys).records == before)
        #expect(same.info.lastOffset == offset)
        try await reader.close()
        await second.server.stop()
        #expect(try LogVerifier(directory: first.directory).verify().firstError == nil)
    }

    /// The client says nothing after its writes: what arrived was merged, so it is kept.
    @Test func aGracefulStopKeepsWhatWasMergedAndNotAcknowledged() async throws {
        let first = try await TestServer.start()
        defer { try? FileManager.default.removeItem(atPath: first.directory) }
        let client = try await first.connect(.named("w"))
        let topic = try await client.topic(
            try Sample.definition(windowMilliseconds: 60_000))
        var batch = Batch(topic, acknowledgement: .received)
        for key in UInt64(1)...50 {
            try batch.assert(.u64(key), row: try Sample.row(topic, "p\(key)"))
        }
        try await client.write(&batch)
        await first.server.stop()

        let second = try await TestServer.start(first.directory)
        let reader = try await second.connect(.readOnly)
        let same = try await reader.topic("players")
        let records = try await reader.get(same, many: (1...50).map { .u64($0) }).records
        #expect(records.allSatisfy { $0 != nil })
        try await reader.close()
        await second.server.stop()
    }

    @Test func snapshotsAreTakenWhileWritesGoOn() async throws {
        let first = try await TestServer.start { $0.snapshotAfterBytes = 4_096 }
        defer { try? FileManager.default.removeItem(atPath: first.directory) }
        let client = try await first.connect(.named("w"))
        let topic = try await client.topic(try Sample.definition())
        var rounds: Int64 = 0
        // Bounded by rounds, not by time: each adds about 16 KiB to the log.
        while try await client.status()["snapshot_index"] == 0, rounds < 500 {
            rounds += 1
            var batch = Batch(topic, acknowledgement: .committed)
            for key in UInt64(1)...200 {
                try batch.assert(.u64(key), row: try Sample.row(topic, "p", 0, rounds))
            }
            try await client.write(&batch)
        }
        #expect(try await client.status()["snapshot_index"] ?? 0 > 0)
        try await client.close()
        await first.server.stop()
        let report = try LogVerifier(directory: first.directory).verify()
        #expect(report.firstError == nil && report.snapshotIndex > 0)

        let second = try await TestServer.start(first.directory)
        let reader = try await second.connect(.readOnly)
        let same = try await reader.topic("players")
        let records = try await reader.get(same, many: (1...200).map { .u64($0) }).records
        for record in records {
            #expect(try same.values(of: try #require(record).row)[2] == .signed(rounds))
        }
        try await reader.close()
        await second.server.stop()
    }

    @Test func aDataDirectoryHasOneServer() async throws {
        try await withServer { server in
            let error = await #expect(throws: ThalwegError.self) {
                var options = ServerOptions()
                options.listen = ["127.0.0.1:0"]
                options.dataDirectory = server.directory
                let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
                _ = try await Server.start(options, logger: logger)
            }
            #expect(error?.code == .dataDirectoryInUse)
            // The first one is not disturbed.
            let client = try await server.connect()
            try await client.ping()
            try await client.close()
        }
    }

    @Test func addressesBeyondLoopbackNeedWords() async throws {
        let error = await #expect(throws: ThalwegError.self) {
            _ = try await TestServer.start { $0.listen = ["0.0.0.0:0"] }
        }
        #expect(error?.code == .invalidConfiguration)
    }

    @Test func aUnixSocketServesTheSame() async throws {
        let path = "/tmp/thalweg-\(UUID().uuidString.prefix(8)).sock"
        try await withServer {
            $0.listen = ["unix:\(path)"]
        } _: { server in
            let client = try await server.connect()
            let topic = try await client.topic(try Sample.definition())
            try await client.put(topic, .u64(1), row: try Sample.row(topic, "Ada"))
            #expect(try await client.get(topic, .u64(1)) != nil)
            try await client.close()
        }
    }
}
