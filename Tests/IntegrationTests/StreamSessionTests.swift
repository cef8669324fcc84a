import Testing
import ThalwegClient
import ThalwegModel
import ThalwegServer
import ThalwegWire

/// A session outlives its connection and its client's process.
@Suite struct StreamSessionTests {
    private static let session = UniqueID(high: 0x7465_7374, low: 42)

    @Test func aBatchThatIsSentAgainIsAnsweredAgainAndAppliedOnce() async throws {
        let first = try await TestServer.start()
        let client = try await first.connect(.named("c"))
        let topic = try await client.topic(Stream.definition())
        let writer = try SessionWriter(first, topic.id, session: StreamSessionTests.session)
        try writer.send(1, answered: 0, ["a", "b"])
        let one = try writer.answer()
        #expect(one.results.map(\.offset.rawValue) == [1, 2])
        try writer.send(3, answered: 0, ["c"])
        let two = try writer.answer()
        try writer.send(1, answered: 0, ["a", "b"])
        #expect(try writer.answer() == one)
        try await client.close()

        // The answers are part of the state: a restart does not forget them.
        let second = try await first.restarted()
        defer { second.removeData() }
        let again = try SessionWriter(second, topic.id, session: StreamSessionTests.session)
        try again.send(1, answered: 0, ["a", "b"])
        #expect(try again.answer() == one)
        try again.send(3, answered: 2, ["c"])
        #expect(try again.answer() == two)
        try again.send(4, answered: 3, ["d"])
        #expect(try again.answer().results.map(\.offset.rawValue) == [4])
        let reader = try await second.connect(.readOnly)
        let events = try await reader.events(try await reader.topic("events"))
        #expect(events.map(Stream.text) == ["put k=a", "put k=b", "put k=c", "put k=d"])
        try await reader.close()
        await second.server.stop()
    }

    @Test func aNumberThatIsLeftOutIsRefused() async throws {
        try await withServer { server in
            let client = try await server.connect(.named("c"))
            let topic = try await client.topic(Stream.definition())
            let writer = try SessionWriter(server, topic.id, session: StreamSessionTests.session)
            try writer.send(1, answered: 0, ["a"])
            _ = try writer.answer()
            for number in [UInt64(3), 17] {
                try writer.send(number, answered: 0, ["x"])
                let error = #expect(throws: ThalwegError.self) { try writer.answer() }
                #expect(error?.code == .unknownSession)
            }
            // Its answer was given up with the next write.
            try writer.send(2, answered: 1, ["b"])
            _ = try writer.answer()
            try writer.send(1, answered: 0, ["a"])
            let error = #expect(throws: ThalwegError.self) { try writer.answer() }
            #expect(error?.code == .unknownSession)
            #expect(try await client.events(topic).map(Stream.text) == ["put k=a", "put k=b"])
            try await client.close()
        }
    }

    @Test func aClientThatWasRestartedGoesOnWithItsSession() async throws {
        try await withServer { server in
            let session = StreamSessionTests.session
            let first = try await TestServer.connectLasting(
                server.address, .named("w"), session: session)
            let topic = try await first.topic(Stream.definition())
            for number in 1...5 { try await first.put(topic, "k", "\(number)") }
            try await first.close()
            let second = try await TestServer.connectLasting(
                server.address, .named("w"), session: session)
            let same = try await second.topic("events")
            for number in 6...10 { try await second.put(same, "k", "\(number)") }
            #expect(
                try await second.events(same).map(Stream.text) == (1...10).map { "put k=\($0)" })
            // Both counted on: a number of the first client is the session's fifth.
            let writer = try SessionWriter(server, topic.id, session: session)
            try writer.send(11, answered: 10, ["11"])
            #expect(try writer.answer().results.map(\.offset.rawValue) == [11])
        }
    }

    /// Two programs with one session would undo each other for ever: the older one is told and
    /// stays away.
    @Test func aSessionThatIsTakenOverEndsTheOlderClient() async throws {
        try await withServer { server in
            let session = StreamSessionTests.session
            let older = try await TestServer.connectLasting(
                server.address, .named("w", shared: true), session: session)
            let topic = try await older.topic(Stream.definition())
            try await older.put(topic, "k", "1")
            let states = older.connectionStates
            let newer = try await TestServer.connectLasting(
                server.address, .named("w", shared: true), session: session)
            var end: ThalwegError?
            for await state in states {
                if case .closed(let error) = state { end = error }
            }
            #expect(end?.code == .sessionTaken)
            let same = try await newer.topic("events")
            #expect(try await newer.put(same, "k", "2").offset == Offset(2))
            #expect(try await newer.events(same).map(Stream.text) == ["put k=1", "put k=2"])
            let refused = await #expect(throws: ThalwegError.self) {
                try await older.put(topic, "k", "3")
            }
            #expect(refused?.code == .sessionTaken)
            try await newer.close()
        }
    }

    /// What the server could not take is told, and what was sent behind it is not lost with it.
    @Test func aRefusedBatchTakesNothingElseWithIt() async throws {
        try await withServer {
            $0.limits.writesPerBatch = 1 << 20
            $0.limits.memoryBytes = 64 << 20
        } _: { server in
            let client = try await TestServer.connectLasting(server.address)
            let topic = try await client.topic(Stream.definition(history: .none))
            let large = [UInt8](repeating: 1, count: Limits.rowBytes)
            var refusals = 0
            var answers: [Int: Offset] = [:]
            // Sooner or later the memory is full; then every write is refused, and after a deletion
            // some are taken again.
            try await withThrowingTaskGroup(of: (Int, Offset?).self) { tasks in
                for number in 0..<200 {
                    tasks.addTask {
                        do throws(ThalwegError) {
                            let result = try await client.put(
                                topic, .string("k\(number)"), row: large)
                            return (number, result.offset)
                        } catch {
                            #expect(error.code == .memoryLimit, "\(error)")
                            return (number, nil)
                        }
                    }
                }
                for try await (number, offset) in tasks {
                    if let offset { answers[number] = offset } else { refusals += 1 }
                }
            }
            #expect(refusals > 0 && !answers.isEmpty)
            let info = try await client.describeTopic("events")
            #expect(info.liveRecords == UInt64(answers.count))
            #expect(Set(answers.values).count == answers.count)
            #expect(info.lastOffset.rawValue == UInt64(answers.count))
            try await client.close()
        }
    }

    /// There is no window to wait for: one message alone is committed by a sync of its own, and those
    /// that come while one is under way share the next.
    @Test func messagesThatComeDuringASyncShareTheNext() async throws {
        try await withServer { server in
            let client = try await server.connect(.named("c"))
            let topic = try await client.topic(Stream.definition())
            let writer = try SessionWriter(server, topic.id, session: StreamSessionTests.session)
            let syncs = { () async throws in try #require(try await client.status()["fsyncs"]) }
            var before = try await syncs()
            for number in UInt64(1)...20 {
                try writer.send(number, answered: number - 1, ["alone"])
                #expect(try writer.answer().results.map(\.offset.rawValue) == [number])
            }
            #expect(try await syncs() - before >= 20)
            before = try await syncs()
            for number in UInt64(21)...2_020 { try writer.send(number, answered: 20, ["together"]) }
            for number in UInt64(21)...2_020 {
                #expect(try writer.answer().results.map(\.offset.rawValue) == [number])
            }
            #expect(try await syncs() - before <= 500)
            try await client.close()
        }
    }
}
