import Foundation
import Testing
import ThalwegClient
import ThalwegModel
import ThalwegServer
import ThalwegWire

@Suite struct EpochTests {
    private struct Stop: Error {}

    private func put(
        _ client: ThalwegClient, _ topic: Topic, _ keys: some Sequence<UInt64>
    ) async throws {
        var batch = Batch(topic, acknowledgement: .none)
        for key in keys { try batch.assert(.u64(key), row: try Sample.row(topic, "p\(key)")) }
        try await client.write(&batch)
    }

    @Test func whatIsNotAssertedAgainIsRetractedInOneEntry() async throws {
        try await withServer { server in
            let client = try await server.connect(.named("fleet"))
            let other = try await server.connect(.named("other"))
            let topic = try await client.topic(try Sample.definition())
            try await put(client, topic, 1...3_000)
            try await client.flush()
            try await put(other, topic, [1, 2_001])
            try await other.flush()
            let peer = try SubscriptionPeer(server)
            try peer.subscribe(Subscribe(topic.id, from: .start))
            try peer.readToTail()
            let before = try await client.status()["entries"] ?? 0
            try await client.epoch(topic) {
                try await put(client, topic, 1_001...2_000)
                // As they were: nothing of this reaches the log.
                try await client.flush()
            }
            #expect(try await client.status()["entries"] == before + 1)
            let expected = Set<UInt64>([1, 2_001]).union(1_001...2_000)
            #expect(try await client.keys(topic) == expected)
            // One entry: no reader has seen a part of it.
            let last = try await client.describeTopic("players").lastOffset
            let deliveries = try peer.read(to: last)
            #expect(deliveries.count == 1)
            #expect(deliveries[0].changes.count == 1_998)
            #expect(Set(peer.fold.keys) == expected)
            #expect(try await client.get(topic, .u64(1))?.sources == [other.source])
            try await client.close()
            try await other.close()
        }
    }

    @Test func anAbandonedEpochChangesNothing() async throws {
        try await withServer { server in
            let client = try await server.connect(.named("fleet", shared: true))
            let topic = try await client.topic(try Sample.definition())
            try await put(client, topic, 1...50)
            try await client.flush()
            // By word.
            await #expect(throws: Stop.self) {
                try await client.epoch(topic) {
                    try await put(client, topic, [7])
                    throw Stop()
                }
            }
            #expect(try await client.keys(topic) == Set(1...50))
            // By the end of the connection, with writes in it or none.
            for written in [[], [UInt64(9)]] {
                let lost = try await server.connect(.named("fleet", shared: true))
                await #expect(throws: ThalwegError.self) {
                    try await lost.epoch(topic) {
                        try await put(lost, topic, written)
                        try await lost.flush()
                        try await lost.close()
                    }
                }
            }
            // It is gone once another one of the same source can be opened.
            try await client.epoch(topic) { try await put(client, topic, 1...50) }
            #expect(try await client.keys(topic) == Set(1...50))
            try await client.close()
        }
    }

    @Test func anEpochOfAllTopicsEndsInEach() async throws {
        try await withServer { server in
            let client = try await server.connect(.named("fleet"))
            var topics: [Topic] = []
            for name in ["a", "b", "c", "d"] {
                topics.append(try await client.topic(try Sample.definition(name)))
            }
            for topic in topics { try await put(client, topic, 1...20) }
            try await client.flush()
            var made: Topic?
            try await client.epoch {
                try await put(client, topics[0], 1...20)
                try await put(client, topics[1], 5...30)
                try await put(client, topics[2], [1])
                let later = try await client.topic(try Sample.definition("later"))
                try await put(client, later, [3])
                made = later
            }
            #expect(try await client.keys(topics[0]) == Set(1...20))
            #expect(try await client.keys(topics[1]) == Set(5...30))
            #expect(try await client.keys(topics[2]) == [1])
            #expect(try await client.keys(topics[3]).isEmpty)
            #expect(try await client.keys(try #require(made)) == [3])
            try await client.close()
        }
    }

    @Test func epochsOfOneSourceDoNotOverlap() async throws {
        try await withServer { server in
            let first = try await server.connect(.named("fleet", shared: true))
            let second = try await server.connect(.named("fleet", shared: true))
            let topic = try await first.topic(try Sample.definition())
            try await put(first, topic, 1...5)
            try await first.flush()
            try await first.epoch(topic) {
                for other in [topic, nil] {
                    for client in [first, second] {
                        let error = await #expect(throws: ThalwegError.self) {
                            try await client.epoch(other) {}
                        }
                        #expect(error?.code == .epochOpen)
                    }
                }
                // What the other connection of the same source asserts counts.
                try await put(second, topic, [2, 3])
                try await second.flush()
            }
            #expect(try await first.keys(topic) == [2, 3])
            try await first.close()
            try await second.close()
        }
    }

    /// What is said between the question and the answer, and what makes no sense.
    @Test func requestsOutOfPlaceAreRefused() async throws {
        try await withServer { server in
            let client = try await server.connect(.named("fleet"))
            let topic = try await client.topic(try Sample.definition())
            let reader = try SubscriptionPeer(server)
            for (message, code) in [
                (EpochEnd(topic.id) as any Message, ErrorCode.noEpoch),
                (EpochEnd(nil), .noEpoch), (EpochAbandon(topic.id), .noEpoch),
                (EpochBegin(topic.id), .sourceRequired), (EpochBegin(nil), .sourceRequired),
                (EpochBegin(TopicID(9_999)), .sourceRequired),
            ] {
                let error = #expect(throws: ThalwegError.self) { try reader.ask(message) }
                #expect(error?.code == code)
            }
            try await client.close()
        }
    }

    /// The records of an epoch that a crash cut off are all there.
    @Test func aRestartAbandonsEpochs() async throws {
        let first = try await TestServer.start()
        defer { try? FileManager.default.removeItem(atPath: first.directory) }
        let client = try await first.connect(.named("fleet"))
        let topic = try await client.topic(try Sample.definition())
        try await put(client, topic, 1...40)
        try await client.flush()
        await #expect(throws: ThalwegError.self) {
            try await client.epoch(topic) {
                try await put(client, topic, [1, 2])
                await first.server.stop()
            }
        }
        let second = try await TestServer.start(first.directory)
        let reader = try await second.connect(.readOnly)
        #expect(try await reader.keys(try await reader.topic("players")) == Set(1...40))
        try await reader.close()
        await second.server.stop()
    }
}
