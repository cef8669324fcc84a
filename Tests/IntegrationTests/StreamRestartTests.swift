import Testing
import ThalwegClient
import ThalwegModel
import ThalwegServer

/// Connections and servers that go away in the middle of a stream, and come back.
@Suite struct StreamRestartTests {
    /// `count` writes at once, each from a task of its own; gives each one's offset.
    private func putAtOnce(
        _ client: ThalwegClient, _ topic: Topic, _ values: Range<Int>
    ) async throws -> [Int: Offset] {
        try await withThrowingTaskGroup(of: (Int, Offset).self) { tasks in
            for value in values {
                tasks.addTask {
                    (value, try await client.put(topic, "k\(value % 10)", "\(value)").offset)
                }
            }
            return try await tasks.reduce(into: [:]) { $0[$1.0] = $1.1 }
        }
    }

    /// Each value is in the events once, where its answer said.
    private func expectOnce(_ events: [Change], _ answers: [Int: Offset]) throws {
        #expect(events.map(\.offset.rawValue) == Array(1...UInt64(answers.count)))
        for event in events {
            let row = try #require(event.row)
            let value = try #require(Int(String(decoding: row, as: UTF8.self)))
            #expect(answers[value] == event.offset)
        }
    }

    @Test func aRestartInTheMiddleIsAPauseForWriterAndListener() async throws {
        let first = try await TestServer.start()
        let proxy = try CuttingProxy(first.address)
        defer { proxy.stop() }
        let client = try await TestServer.connectLasting(proxy.address)
        let topic = try await client.topic(Stream.definition())
        let listener = try await client.subscribe(topic, deliver: .every)
        for number in 0..<10 { try await client.put(topic, "k", "\(number)") }

        let second = try await first.restarted()
        defer { second.removeData() }
        proxy.aim(at: second.address)
        for number in 10..<20 { try await client.put(topic, "k", "\(number)") }
        let heard = try await listener.events(to: Offset(20))
        #expect(heard.map(Stream.text) == (0..<20).map { "put k=\($0)" })
        #expect(heard.map(\.offset.rawValue) == Array(1...20))
        #expect(try await client.events(topic) == heard)
        try await client.close()
        await second.server.stop()
    }

    @Test func writesInFlightSurviveARestart() async throws {
        let first = try await TestServer.start()
        let proxy = try CuttingProxy(first.address)
        defer { proxy.stop() }
        let client = try await TestServer.connectLasting(proxy.address)
        let topic = try await client.topic(Stream.definition())
        async let answers = putAtOnce(client, topic, 0..<2_000)
        // Some are answered by now, others wait, others are not sent yet.
        let listener = try await client.subscribe(topic, deliver: .every)
        _ = try await listener.events(to: Offset(100))
        let second = try await first.restarted()
        defer { second.removeData() }
        proxy.aim(at: second.address)
        let all = try await answers
        try expectOnce(try await client.events(topic), all)
        try await client.close()
        await second.server.stop()
    }

    @Test func aRestartBeforeAnythingWasWrittenChangesNothing() async throws {
        let first = try await TestServer.start()
        let second = try await first.restarted()
        let third = try await second.restarted()
        defer { third.removeData() }
        let client = try await third.connect()
        let topic = try await client.topic(Stream.definition())
        #expect(try await client.put(topic, "a", "1").offset == Offset(1))
        try await client.close()
        await third.server.stop()
    }

    @Test(arguments: [50, 100]) func forcedReconnectsLoseNothing(inFlight: Int) async throws {
        try await withServer { server in
            let proxy = try CuttingProxy(server.address)
            defer { proxy.stop() }
            let client = try await TestServer.connectLasting(proxy.address)
            let topic = try await client.topic(Stream.definition())
            let listener = try await client.subscribe(topic, deliver: .every)
            var answers: [Int: Offset] = [:]
            for round in 0..<20 {
                let first = round * inFlight
                async let some = putAtOnce(client, topic, first..<first + inFlight)
                proxy.cutAll()
                answers.merge(try await some) { one, _ in one }
            }
            try expectOnce(try await client.events(topic), answers)
            let heard = try await listener.events(to: Offset(UInt64(answers.count)))
            try expectOnce(heard, answers)
            try await client.close()
        }
    }

    /// What was sent and never answered may be there or not, and nothing breaks.
    @Test func aWriterThatVanishesDisturbsNobody() async throws {
        try await withServer { server in
            let proxy = try CuttingProxy(server.address)
            defer { proxy.stop() }
            let doomed = try await server.connect()
            _ = try await doomed.topic(Stream.definition())
            var options = ClientOptions(name: "doomed")
            options.reconnect = .never
            let writer = try await ThalwegClient.connect(to: proxy.address, options: options)
            let topic = try await writer.topic("events")
            let some = Task { try await putAtOnce(writer, topic, 0..<500) }
            proxy.cutAll()
            let error = await #expect(throws: ThalwegError.self) { _ = try await some.value }
            #expect(error?.code == .connectionLost)
            let same = try await doomed.topic("events")
            let before = try await doomed.describeTopic("events").lastOffset.rawValue
            #expect(try await doomed.put(same, "k", "on").offset.rawValue > before)
            let values = try await doomed.events(same).map(Stream.text)
            #expect(Set(values).count == values.count)
            try await doomed.close()
        }
    }
}
