import Foundation
import Testing
import ThalwegClient
import ThalwegModel
import ThalwegServer
import ThalwegWire

@Suite struct LivenessTests {
    /// A client with a deadline of its own; 0 for none.
    private func connect(
        _ server: TestServer, _ source: ClientOptions.Source, milliseconds: Int
    ) async throws -> ThalwegClient {
        var options = ClientOptions(name: "test", source: source)
        options.reconnect = .never
        options.heartbeat = .milliseconds(20)
        options.livenessDeadline = .milliseconds(milliseconds)
        return try await ThalwegClient.connect(to: server.address, options: options)
    }

    /// Claims a source that nobody holds any more, with a short deadline, and lets go of it: it is
    /// dead soon, however slow everything else is.
    private func expire(_ server: TestServer, _ claim: SourceClaim) throws {
        while true {
            let raw = try RawConnection(server.address)
            var hello = Hello(clientName: "short", claim: claim)
            hello.livenessDeadlineMilliseconds = 50
            try raw.send(try Frame.bytes(hello, requestID: 1))
            guard let frame = try raw.receive() else { continue }
            guard frame.type == .error else { return }
            let error = try frame.payload.withUnsafeBytes { try ErrorMessage($0).error }
            // Its connection that was closed is not gone everywhere yet.
            guard error.code == .sourceClaimed else { throw error }
        }
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
            let mortal = try await server.connect()
            for key in UInt64(2)...50 {
                try await mortal.put(topic, .u64(key), row: try Sample.row(topic, "goes"))
            }
            // Both assert it: it outlives one of them.
            try await mortal.put(topic, .u64(1), row: try Sample.row(topic, "stays"))
            try await mortal.close()
            try expire(server, .numbered(mortal.source))
            let deleted = try await follow(watcher, topic) { $0.count == 1 && $0[1] != nil }
            #expect(deleted.allSatisfy { $0.reason == .sourceLost })
            // The change of membership alone has no notification: the walk's end shows it.
            while try await watcher.get(topic, .u64(1))?.sources != [watcher.source] {}
            try await watcher.close()
        }
    }

    /// What a source that is gone has asserted is retracted by the server itself: a topic's program is
    /// not asked, and need not allow it.
    @Test(.enabled(if: ProgramModules.areThere, ProgramModules.advice))
    func aDeadSourcesRecordsGoPastTheProgram() async throws {
        try await withServer { server in
            let watcher = try await server.connect(.named("watcher"))
            let topic = try await watcher.topic(Stream.definition())
            // It refuses every delete.
            try await watcher.deployProgram(
                ProgramModules.example("gate"), to: "events", name: "gate")
            let mortal = try await server.connect()
            try await mortal.put(topic, "a", "1")
            try await mortal.put(topic, "b", "2")
            try await watcher.put(topic, "c", "3")
            let refused = try await mortal.refusal { try await mortal.delete(topic, "a") }
            #expect(refused.code == .rejected)
            let listener = try await watcher.subscribe(topic, deliver: .every)
            try await mortal.close()
            try expire(server, .numbered(mortal.source))
            let events = try await listener.events(to: Offset(5))
            #expect(events.suffix(2).map(Stream.text) == ["delete a", "delete b"])
            #expect(events.suffix(2).allSatisfy { $0.reason == .sourceLost })
            #expect(try await watcher.count(topic).count == 1)
            #expect(try await watcher.program("events").writes == 4)
            try await watcher.close()
        }
    }

    /// The identity of a source without a name is free again once all is retracted.
    @Test func identitiesOfTheDeadAreGivenAgain() async throws {
        try await withServer { server in
            let watcher = try await server.connect(.named("watcher"))
            let topic = try await watcher.topic(try Sample.definition())
            let mortal = try await server.connect()
            try await mortal.put(topic, .u64(1), row: try Sample.row(topic, "goes"))
            try await mortal.close()
            try expire(server, .numbered(mortal.source))
            _ = try await follow(watcher, topic) { $0.isEmpty }
            // Freed right behind the retraction; whoever comes before that gets another one.
            var next: ThalwegClient
            repeat {
                next = try await server.connect()
                try await next.close()
            } while next.source != mortal.source
            try await watcher.close()
        }
    }

    @Test func whoComesBackInTimeLosesNothing() async throws {
        try await withServer { server in
            let watcher = try await server.connect(.named("watcher"))
            let topic = try await watcher.topic(try Sample.definition())
            let first = try await server.connect(.named("gps"))
            try await first.put(topic, .u64(1), row: try Sample.row(topic, "a"))
            try await first.close()
            let second = try await server.connect(.named("gps"))
            #expect(second.source == first.source)
            #expect(try await watcher.get(topic, .u64(1))?.sources == [first.source])
            try await second.close()
            // Another deadline counts from when it is claimed with that one.
            try expire(server, .named("gps"))
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
            hello.livenessDeadlineMilliseconds = 400
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
            let client = try await connect(server, .any, milliseconds: 1_000)
            // Longer than its deadline, with nothing but heartbeats: the silent ones die meanwhile.
            for _ in 0..<3 {
                let silent = try RawConnection(server.address)
                var hello = Hello(clientName: "silent", claim: .readOnly)
                hello.livenessDeadlineMilliseconds = 500
                try silent.send(try Frame.bytes(hello, requestID: 1))
                #expect(try silent.receive()?.type == .welcome)
                #expect(try silent.receiveError().code == .timedOut)
            }
            #expect(client.connectionState == .connected(try #require(client.welcome)))
            try await client.close()
        }
    }

    /// Without a name a client is known by its session, also by another process of the server.
    @Test func aClientWithoutANameComesBackByItsSession() async throws {
        let first = try await TestServer.start()
        defer { try? FileManager.default.removeItem(atPath: first.directory) }
        var options = ClientOptions(name: "test")
        options.reconnect = .never
        options.session = UniqueID(high: 7, low: 8)
        let client = try await ThalwegClient.connect(to: first.address, options: options)
        let other = try await first.connect()
        let topic = try await client.topic(try Sample.definition())
        try await client.put(topic, .u64(1), row: try Sample.row(topic, "a"))
        await first.server.stop()
        let second = try await TestServer.start(first.directory)
        let again = try await ThalwegClient.connect(to: second.address, options: options)
        #expect(again.source == client.source && other.source != client.source)
        // So it can take back what it asserted.
        try await again.retract(topic, .u64(1))
        #expect(try await again.count(topic).count == 0)
        try await again.close()
        await second.server.stop()
    }

    /// Without a name and a deadline: one source for all, so one deletes what another wrote.
    @Test func clientsWithoutNameAndDeadlineAreOneSource() async throws {
        try await withServer { server in
            let first = try await connect(server, .any, milliseconds: 0)
            let topic = try await first.topic(try Sample.definition())
            try await first.put(topic, .u64(1), row: try Sample.row(topic, "a"))
            try await first.close()
            let second = try await connect(server, .any, milliseconds: 0)
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
                    try await connect(server, claim, milliseconds: 0)
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
        let mortal = try await first.connect(.named("mortal"))
        let topic = try await mortal.topic(try Sample.definition())
        try await mortal.put(topic, .u64(1), row: try Sample.row(topic, "a"))
        try await mortal.close()
        let immortal = try await connect(first, .named("immortal"), milliseconds: 0)
        try await immortal.put(topic, .u64(2), row: try Sample.row(topic, "b"))
        try expire(first, .named("mortal"))
        await first.server.stop()
        let second = try await TestServer.start(first.directory)
        let watcher = try await second.connect(.readOnly)
        let again = try await watcher.topic("players")
        _ = try await follow(watcher, again) { $0.count == 1 && $0[2] != nil }
        try await watcher.close()
        await second.server.stop()
    }
}
