import Foundation
import Testing
import ThalwegClient
import ThalwegModel
import ThalwegServer
import ThalwegWire

@Suite struct LivenessTests {
    /// A client whose source outlives it by a tenth of a second.
    private func shortLived(
        _ server: TestServer, _ source: ClientOptions.Source = .any, milliseconds: Int = 100
    ) async throws -> ThalwegClient {
        var options = ClientOptions(name: "short", source: source)
        options.reconnect = .never
        options.heartbeat = .milliseconds(20)
        options.livenessDeadline = .milliseconds(milliseconds)
        return try await ThalwegClient.connect(to: server.address, options: options)
    }

    /// Follows the sample topic until `isDone`; gives the deletions on the way.
    private func follow(
        _ client: ThalwegClient, _ topic: Topic, until isDone: ([UInt64: [UInt8]]) -> Bool
    ) async throws -> [Change] {
        var fold: [UInt64: [UInt8]] = [:]
        var deleted: [Change] = []
        for try await delivery in try await client.subscribe(topic, from: .start) {
            if delivery.isReset { fold = [:] }
            for change in try delivery.changes() {
                guard case .u64(let key) = change.key else { continue }
                fold[key] = change.row
                if change.kind == .deleted { deleted.append(change) }
            }
            if isDone(fold) { break }
        }
        return deleted
    }

    @Test func whatADeadSourceAssertedIsRetractedWithItsReason() async throws {
        try await withServer { server in
            let watcher = try await server.connect(.named("watcher"))
            let topic = try await watcher.topic(try Sample.definition())
            try await watcher.put(topic, .u64(1), row: try Sample.row(topic, "stays"))
            let mortal = try await shortLived(server)
            let same = try await mortal.topic("players")
            for key in UInt64(2)...50 {
                try await mortal.put(same, .u64(key), row: try Sample.row(same, "goes"))
            }
            // Both assert it: it outlives one of them.
            try await mortal.put(same, .u64(1), row: try Sample.row(same, "stays"))
            try await mortal.close()
            let deleted = try await follow(watcher, topic) { $0.count == 1 && $0[1] != nil }
            #expect(deleted.allSatisfy { $0.reason == .sourceLost })
            let left = try #require(try await watcher.get(topic, .u64(1)))
            #expect(left.sources == [watcher.source])
            try await watcher.close()
        }
    }

    /// The identity of a source without a name is free again once all is retracted.
    @Test func identitiesOfTheDeadAreGivenAgain() async throws {
        try await withServer { server in
            let watcher = try await server.connect(.named("watcher"))
            let topic = try await watcher.topic(try Sample.definition())
            let mortal = try await shortLived(server)
            let number = mortal.source.rawValue
            try await mortal.put(topic, .u64(1), row: try Sample.row(topic, "goes"))
            try await mortal.close()
            _ = try await follow(watcher, topic) { $0.isEmpty }
            // The retraction is followed by the entry that frees the identity.
            var last: ThalwegError?
            repeat {
                do {
                    let again = try await shortLived(server, .number(number), milliseconds: 60_000)
                    try await again.close()
                    last = nil
                } catch let error as ThalwegError {
                    last = error
                }
            } while last == nil || last?.code == .sourceClaimed
            #expect(last?.code == .sourceRequired)
            let next = try await shortLived(server)
            #expect(next.source.rawValue == number)
            try await next.close()
            try await watcher.close()
        }
    }

    @Test func whoComesBackInTimeLosesNothing() async throws {
        try await withServer { server in
            let watcher = try await server.connect(.named("watcher"))
            let topic = try await watcher.topic(try Sample.definition())
            let first = try await shortLived(server, .named("gps"), milliseconds: 60_000)
            try await first.put(topic, .u64(1), row: try Sample.row(topic, "a"))
            try await first.close()
            // Back with a short deadline, which counts from now on.
            let second = try await shortLived(server, .named("gps"))
            #expect(second.source == first.source)
            #expect(try await watcher.get(topic, .u64(1)) != nil)
            try await second.close()
            let deleted = try await follow(watcher, topic) { $0.isEmpty }
            #expect(deleted.count <= 1 && deleted.allSatisfy { $0.reason == .sourceLost })
            try await watcher.close()
        }
    }

    /// A connection that says nothing is closed, and told why; its source is dead at once.
    @Test func aSilentConnectionIsClosed() async throws {
        try await withServer { server in
            let watcher = try await server.connect(.named("watcher"))
            let topic = try await watcher.topic(try Sample.definition())
            let silent = try RawConnection(server.address)
            var hello = Hello(clientName: "silent", claim: .any)
            hello.livenessDeadlineMilliseconds = 80
            try silent.send(try Frame.bytes(hello, requestID: 1))
            #expect(try silent.receive()?.type == .welcome)
            var batch = PackedBatchWriter()
            batch.begin(topic.id, acknowledgement: .none)
            try Sample.row(topic, "silent").withUnsafeBytes { batch.assert(key: 9, row: $0) }
            try silent.send(Array(batch.finish(requestID: 0)))
            _ = try await follow(watcher, topic) { $0[9] != nil }
            #expect(try silent.receiveError().code == .timedOut)
            #expect(try silent.receive() == nil)
            _ = try await follow(watcher, topic) { $0.isEmpty }
            try await watcher.close()
        }
    }

    @Test func aClientThatPingsLives() async throws {
        try await withServer { server in
            let client = try await shortLived(server, milliseconds: 200)
            // Longer than its deadline, with nothing but heartbeats: the silent ones die meanwhile.
            for _ in 0..<3 {
                let silent = try RawConnection(server.address)
                var hello = Hello(clientName: "silent", claim: .readOnly)
                hello.livenessDeadlineMilliseconds = 100
                try silent.send(try Frame.bytes(hello, requestID: 1))
                #expect(try silent.receive()?.type == .welcome)
                #expect(try silent.receiveError().code == .timedOut)
            }
            #expect(client.connectionState == .connected(try #require(client.welcome)))
            try await client.close()
        }
    }

    /// Without a name and a deadline: one source for all, so one deletes what another wrote.
    @Test func clientsWithoutNameAndDeadlineAreOneSource() async throws {
        try await withServer { server in
            let first = try await shortLived(server, .any, milliseconds: 0)
            let topic = try await first.topic(try Sample.definition())
            try await first.put(topic, .u64(1), row: try Sample.row(topic, "a"))
            try await first.close()
            let second = try await shortLived(server, .any, milliseconds: 0)
            #expect(second.source == first.source)
            #expect(try await second.get(topic, .u64(1)) != nil)
            try await second.retract(topic, .u64(1))
            #expect(try await second.get(topic, .u64(1)) == nil)
            // It is the system's: nobody may have it otherwise.
            for claim: ClientOptions.Source in [
                .named("thalweg.common", shared: true),
                .number(second.source.rawValue, shared: true),
            ] {
                let error = await #expect(throws: ThalwegError.self) {
                    try await shortLived(server, claim)
                }
                #expect(error?.code == .invalidName)
            }
            try await second.close()
        }
    }

    /// Deadlines are durable, and a restart gives each source the whole of its own.
    @Test func deadlinesOutliveARestart() async throws {
        let first = try await TestServer.start()
        defer { try? FileManager.default.removeItem(atPath: first.directory) }
        let mortal = try await shortLived(first, .named("mortal"), milliseconds: 400)
        let topic = try await mortal.topic(try Sample.definition())
        try await mortal.put(topic, .u64(1), row: try Sample.row(topic, "a"))
        let immortal = try await shortLived(first, .named("immortal"), milliseconds: 0)
        try await immortal.put(topic, .u64(2), row: try Sample.row(topic, "b"))
        await first.server.stop()
        let second = try await TestServer.start(first.directory)
        let watcher = try await second.connect(.readOnly)
        let again = try await watcher.topic("players")
        _ = try await follow(watcher, again) { $0.count == 1 && $0[2] != nil }
        try await watcher.close()
        await second.server.stop()
    }
}
