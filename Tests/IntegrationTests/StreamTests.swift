import Testing
import ThalwegClient
import ThalwegModel
import ThalwegServer

/// A topic that keeps every write, seen by one who writes and those who listen.
@Suite struct StreamTests {
    @Test func aPutIsAnsweredWithItsOffsetAndHeard() async throws {
        try await withServer { server in
            let client = try await server.connect()
            let topic = try await client.topic(Stream.definition())
            let result = try await client.put(topic, "a", "1")
            #expect(result.verdict == .accepted)
            #expect(result.offset == Offset(1) && result.version == RecordVersion(1))
            let events = try await client.events(topic)
            #expect(events.map(Stream.text) == ["put a=1"])
            #expect(events.first?.origin?.source == client.source)
            try await client.close()
        }
    }

    @Test func listenersBeforeAndAfterHearTheSame() async throws {
        try await withServer { server in
            let client = try await server.connect()
            let topic = try await client.topic(Stream.definition())
            let reader = try await server.connect(.readOnly)
            let same = try await reader.topic("events")
            let before = try await reader.subscribe(same, deliver: .every)
            for number in 1...100 { try await client.put(topic, "k\(number % 7)", "\(number)") }
            let after = try await reader.subscribe(same, deliver: .every)
            let middle = try await reader.subscribe(same, from: .after(Offset(60)), deliver: .every)
            let heard = try await before.events(to: Offset(100))
            #expect(heard.map(Stream.text) == (1...100).map { "put k\($0 % 7)=\($0)" })
            #expect(heard.map(\.offset.rawValue) == Array(1...100))
            #expect(try await after.events(to: Offset(100)) == heard)
            #expect(try await middle.events(to: Offset(100)) == Array(heard[60...]))
            try await reader.close()
            try await client.close()
        }
    }

    @Test func twoTopicsAlternateAndEachListenerHearsItsOwn() async throws {
        try await withServer { server in
            let client = try await server.connect()
            let left = try await client.topic(Stream.definition("left"))
            let right = try await client.topic(Stream.definition("right"))
            let listeners = (
                try await client.subscribe(left, deliver: .every),
                try await client.subscribe(right, deliver: .every)
            )
            for number in 1...50 {
                #expect(
                    try await client.put(left, "l", "\(number)").offset.rawValue == UInt64(number))
                #expect(
                    try await client.put(right, "r", "\(number)").offset.rawValue == UInt64(number))
            }
            let heard = try await listeners.0.events(to: Offset(50))
            #expect(heard.map(Stream.text) == (1...50).map { "put l=\($0)" })
            let other = try await listeners.1.events(to: Offset(50))
            #expect(other.map(Stream.text) == (1...50).map { "put r=\($0)" })
            try await client.close()
        }
    }

    @Test func putsAndDeletesComeOutAsTheyWereSentAlsoOfTheEmptyKey() async throws {
        try await withServer { server in
            let client = try await server.connect()
            let topic = try await client.topic(Stream.definition())
            try await client.put(topic, "", "one")
            try await client.put(topic, "k", "two")
            try await client.delete(topic, "")
            try await client.put(topic, "", "")
            try await client.delete(topic, "k")
            try await client.put(topic, "k", "two")
            try await client.put(topic, "k", "two")
            // Nothing is there to delete: no event.
            #expect(try await client.delete(topic, "never").verdict == .unchanged)
            let events = try await client.events(topic)
            #expect(
                events.map(Stream.text) == [
                    "put =one", "put k=two", "delete ", "put =", "delete k", "put k=two",
                    "put k=two",
                ])
            try await client.close()
        }
    }

    @Test func theLargestValueIsKeptAndOneByteMoreIsRefused() async throws {
        try await withServer { server in
            let client = try await server.connect()
            let topic = try await client.topic(Stream.definition())
            let largest = [UInt8](repeating: 7, count: Limits.rowBytes)
            try await client.put(topic, .string("k"), row: largest)
            let error = await #expect(throws: ThalwegError.self) {
                try await client.put(topic, .string("k"), row: largest + [8])
            }
            #expect(error?.code == .recordTooLarge)
            // Nothing is broken by it.
            #expect(try await client.put(topic, "k", "small").offset == Offset(2))
            let events = try await client.events(topic)
            #expect(events.map { $0.row?.count ?? 0 } == [Limits.rowBytes, 5])
            try await client.close()
        }
    }

    @Test func anAtomicBatchCommitsWholeOrNotAtAll() async throws {
        try await withServer { server in
            let client = try await server.connect()
            let topic = try await client.topic(Stream.definition())
            try await client.put(topic, "from", "10")
            var batch = Batch(topic, acknowledgement: .committedEach, isAtomic: true)
            try batch.assert(.string("to"), row: [1])
            try batch.assert(.string("from"), row: [2], if: .absent)
            let answer = try await client.write(&batch)
            #expect(answer.results.map(\.verdict) == [.invalid, .invalid])
            #expect(try await client.events(topic).map(Stream.text) == ["put from=10"])
            try await client.close()
        }
    }

    @Test func aDroppedTopicIsGoneAndItsNameStartsAnew() async throws {
        let first = try await TestServer.start()
        let client = try await first.connect()
        let topic = try await client.topic(Stream.definition())
        try await client.put(topic, "a", "1")
        let listener = try await client.subscribe(topic, deliver: .every)
        _ = try await listener.next()
        try await client.dropTopic("events")
        let ended = await #expect(throws: ThalwegError.self) { _ = try await listener.next() }
        #expect(ended?.code == .unknownTopic)
        let refused = await #expect(throws: ThalwegError.self) {
            try await client.put(topic, "a", "2")
        }
        #expect(refused?.code == .unknownTopic)
        try await client.close()

        let second = try await first.restarted()
        defer { second.removeData() }
        let again = try await second.connect()
        let gone = await #expect(throws: ThalwegError.self) { _ = try await again.topic("events") }
        #expect(gone?.code == .unknownTopic)
        let anew = try await again.topic(Stream.definition())
        #expect(try await again.put(anew, "a", "3").offset == Offset(1))
        #expect(try await again.events(anew).map(Stream.text) == ["put a=3"])
        try await again.close()
        await second.server.stop()
    }

    @Test func aHistoryThatIsBoundedSaysWhereItBegins() async throws {
        try await withServer { server in
            let client = try await server.connect()
            let topic = try await client.topic(Stream.definition(history: .count(10)))
            let value = String(repeating: "x", count: 60_000)
            for number in 1...60 { try await client.put(topic, "k", "\(number)" + value) }
            let listener = try await client.subscribe(topic, deliver: .every)
            let events = try await listener.events(to: Offset(60))
            #expect(events.count >= 10 && events.count < 60)
            #expect(
                events.map(\.offset.rawValue)
                    == Array((61 - UInt64(events.count))...60))
            let error = await #expect(throws: ThalwegError.self) {
                _ = try await client.subscribe(topic, from: .after(Offset(1)), deliver: .every)
            }
            #expect(error?.code == .tooOld)
            #expect(error?.limit == events.first?.offset.rawValue)
            try await client.close()
        }
    }
}
