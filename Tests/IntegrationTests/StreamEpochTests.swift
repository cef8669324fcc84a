import Foundation
import Testing
import ThalwegClient
import ThalwegModel
import ThalwegServer
import ThalwegWire

/// Epochs on a topic that keeps every write: the end gives each retraction as an event of its own, all
/// of them together.
@Suite struct StreamEpochTests {
    private struct Stop: Error {}

    private static func definition(_ name: String = "events") -> TopicDefinition {
        TopicDefinition(
            name: name, keyKind: .u64, schema: nil,
            options: TopicOptions(writes: .every, history: .forever))
    }

    private func put(
        _ client: ThalwegClient, _ topic: Topic, _ keys: some Sequence<UInt64>
    ) async throws {
        var batch = Batch(topic, acknowledgement: .none)
        for key in keys { try batch.assert(.u64(key), row: Array("p\(key)".utf8)) }
        try await client.write(&batch)
    }

    @Test func whatIsNotAssertedAgainIsRetractedEachByAnEventOfItsOwn() async throws {
        try await withServer { server in
            let client = try await server.connect(.named("fleet"))
            let other = try await server.connect(.named("other"))
            let topic = try await client.topic(Self.definition())
            try await put(client, topic, 1...3_000)
            try await client.flush()
            try await put(other, topic, [1, 2_001])
            try await other.flush()
            let peer = try SubscriptionPeer(server)
            try peer.subscribe(Subscribe(topic.id, from: .start))
            try peer.readToTail()
            let (entries, offset) = try await client.epoch(topic) {
                try await put(client, topic, 1_001...2_000)
                try await client.flush()
                return (
                    try await client.status()["entries"] ?? 0,
                    try await client.describeTopic(topic.name).lastOffset
                )
            }
            #expect(offset == Offset(4_002), "what is asserted again is an event like any other")
            #expect(try await client.status()["entries"] == entries + 1)
            let expected = Set<UInt64>([1, 2_001]).union(1_001...2_000)
            #expect(try await client.keys(topic) == expected)
            #expect(try await client.get(topic, .u64(1))?.sources == [other.source])

            let events = try await client.events(topic)
            #expect(events.map(\.offset.rawValue) == Array(1...6_002))
            let retracted = events.suffix(2_000)
            #expect(retracted.allSatisfy { $0.origin?.source == client.source })
            let gone = retracted.filter { $0.kind == .deleted }
            #expect(gone.count == 1_998 && gone.allSatisfy { $0.reason == .epoch })
            // Two are still asserted by the other: that they are not by this one is the event.
            #expect(
                Set(retracted.filter { $0.kind == .updated }.map(\.key)) == [.u64(1), .u64(2_001)])
            // One entry: no reader has seen a part of it.
            let deliveries = try peer.read(to: Offset(6_002))
            #expect(deliveries.contains { $0.changes.filter { !$0.kind.hasRow }.count == 1_998 })
            #expect(Set(peer.fold.keys) == expected)
            try await client.close()
            try await other.close()
        }
    }

    /// Others write to the topic all the time, and the source itself from another connection.
    @Test(.timeLimit(.minutes(3)))
    func nobodysWritesAreLostOrHeldUpByEndsOfEpochs() async throws {
        try await withServer { server in
            let fleet = try await server.connect(.named("fleet", shared: true))
            let twin = try await server.connect(.named("fleet", shared: true))
            let topic = try await fleet.topic(Self.definition())
            let isOver = Flag()
            let written = try await withThrowingTaskGroup(of: UInt64.self) { tasks in
                for number in UInt64(1)...3 {
                    let client = try await server.connect(.named("other\(number)"))
                    tasks.addTask {
                        // To keys of its own, one after the other, each answered.
                        var count: UInt64 = 0
                        while !isOver.isRaised || count < 50 {
                            let key = Key.u64(number << 32 | count)
                            let result = try await client.put(topic, key, row: [1])
                            try #require(result.verdict == .accepted)
                            count += 1
                        }
                        try await client.close()
                        return count
                    }
                }
                tasks.addTask {
                    var last: UInt64 = 0
                    while !isOver.isRaised || last < 50 {
                        last += 1
                        try await twin.put(topic, .u64(7 << 40 | last), row: [2])
                    }
                    return 0
                }
                for round in UInt64(0)..<30 {
                    try await fleet.epoch(topic) {
                        try await put(fleet, topic, round * 100..<round * 100 + 400)
                    }
                    let mine = try await fleet.keys(topic).filter { $0 < 1 << 32 }
                    try #require(mine == Set(round * 100..<round * 100 + 400), "round \(round)")
                }
                isOver.raise()
                return try await tasks.reduce(0, +)
            }
            // What the twin wrote since the last epoch began stays; all of the others stays.
            let left = try await fleet.keys(topic).filter { $0 >= 1 << 32 && $0 < 1 << 40 }
            #expect(left.count == Int(written))
            let events = try await fleet.events(topic)
            #expect(events.map(\.offset.rawValue) == Array(1...UInt64(events.count)))
            try await fleet.close()
            try await twin.close()
        }
    }

    @Test func anEpochOfAllTopicsCoversBothKinds() async throws {
        try await withServer { server in
            let client = try await server.connect(.named("fleet"))
            var topics: [Topic] = []
            for name in ["a", "b", "c"] {
                topics.append(try await client.topic(Self.definition(name)))
            }
            let states = try await client.topic(try Sample.definition("states"))
            for topic in topics { try await put(client, topic, 1...20) }
            for key in UInt64(1)...5 {
                try await client.put(states, .u64(key), row: try Sample.row(states, "s"))
            }
            // Nobody waits for these, and the epoch begins behind them all the same.
            try await put(client, topics[2], [99])
            try await client.epoch {
                try await put(client, topics[0], 1...20)
                try await put(client, topics[1], 5...30)
                try await client.put(states, .u64(3), row: try Sample.row(states, "s"))
            }
            #expect(try await client.keys(topics[0]) == Set(1...20))
            #expect(try await client.keys(topics[1]) == Set(5...30))
            #expect(try await client.keys(topics[2]).isEmpty)
            #expect(try await client.keys(states) == [3])
            try await client.close()
        }
    }

    @Test func anAbandonedEpochChangesNothing() async throws {
        try await withServer { server in
            let client = try await server.connect(.named("fleet", shared: true))
            let topic = try await client.topic(Self.definition())
            try await put(client, topic, 1...50)
            try await client.flush()
            await #expect(throws: Stop.self) {
                try await client.epoch(topic) {
                    try await put(client, topic, [7])
                    throw Stop()
                }
            }
            let lost = try await server.connect(.named("fleet", shared: true))
            await #expect(throws: ThalwegError.self) {
                try await lost.epoch(topic) {
                    try await put(lost, topic, [9])
                    try await lost.flush()
                    try await lost.close()
                }
            }
            #expect(try await client.keys(topic) == Set(1...50))
            // It is gone once another one of the same source can be opened.
            try await client.epoch(topic) { try await put(client, topic, 1...50) }
            #expect(try await client.keys(topic) == Set(1...50))
            #expect(try await client.describeTopic(topic.name).lastOffset == Offset(102))
            try await client.close()
        }
    }
}

/// A program has the last word on what an epoch retracts.
@Suite(.enabled(if: ProgramModules.areThere, ProgramModules.advice)) struct ProgramEpochTests {
    @Test func theProgramIsAskedAndAllOrNothingIsRetracted() async throws {
        try await withServer { server in
            let client = try await server.connect(.named("fleet"))
            // The gate takes digits, so no deletions; the other takes everything.
            for (program, refuses) in [("gate", true), ("PassThrough", false)] {
                let topic = try await client.topic(Stream.definition(program))
                try await client.deployProgram(
                    ProgramModules.example(program), to: topic.name, name: program)
                for key in ["a", "b", "c"] { try await client.put(topic, key, "1") }
                do {
                    try await client.epoch(topic) { _ = try await client.put(topic, "b", "2") }
                    #expect(!refuses)
                } catch let error as ThalwegError {
                    #expect(refuses && error.code == .rejected)
                    #expect(
                        error.message.contains("code 100: the value does not begin with a digit"))
                }
                let ends = refuses ? [] : ["delete a", "delete c"]
                let events = try await client.events(topic)
                #expect(events.map(Stream.text).dropFirst(4).sorted() == ends)
                #expect(events.dropFirst(4).allSatisfy { $0.reason == .epoch })
                // It is over, however it ended.
                try await client.epoch(topic) {
                    for key in ["a", "b", "c"] { try await client.put(topic, key, "3") }
                }
            }
            try await client.close()
        }
    }

    /// One record alone is asked about too.
    @Test func aProgramThatIsNotRunAnyMoreRetractsNothing() async throws {
        try await withServer { server in
            let client = try await server.connect(.named("fleet"))
            let topic = try await client.topic(Stream.definition())
            try await client.put(topic, "a", "1")
            try await client.deployProgram(ProgramModules.orders(), to: topic.name, name: "orders")
            // Endless loops, until it is not run any more.
            while try await !client.program(topic.name).isFaulting {
                let refused = try await client.refusal { try await client.put(topic, "b", "l") }
                #expect(refused.code == .programFailed)
            }
            let error = await #expect(throws: ThalwegError.self) {
                try await client.epoch(topic) {}
            }
            #expect(error?.code == .programFailed)
            #expect(try await client.get(topic, .string("a")) != nil)
            #expect(try await client.describeTopic(topic.name).lastOffset == Offset(1))
            try await client.close()
        }
    }
}
