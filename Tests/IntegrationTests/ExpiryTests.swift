import Testing
import ThalwegClient
import ThalwegModel
import ThalwegServer

/// Records that nobody asserts for their topic's time to live, as clients see them go.
@Suite(.timeLimit(.minutes(2))) struct ExpiryTests {
    @Test(arguments: [false, true])
    func aRecordThatExpiresIsDeletedForThatReason(keepsEvery: Bool) async throws {
        try await withServer { server in
            let client = try await server.connect(.named("w"))
            let topic = try await client.topic(
                TopicDefinition(
                    name: "values", keyKind: .u64, schema: nil,
                    options: TopicOptions(
                        writes: keepsEvery ? .every : .coalesced(windowMicroseconds: 1_000),
                        history: keepsEvery ? .forever : .none,
                        timeToLiveMicroseconds: 300_000)))
            // Before the first write: whatever takes long here, no deletion is missed.
            let feeds = [
                try await client.subscribe(topic, from: .start),
                try await client.subscribe(
                    topic, from: .start, deliver: keepsEvery ? .every : .latest,
                    filter: "key >= 0"),
            ]
            // So many that each part of a sweep meets some.
            let keys = UInt64(0)..<300
            var batch = Batch(topic, acknowledgement: .committed)
            for key in keys { try batch.assert(.u64(key), row: [1]) }
            try await client.write(&batch)
            for feed in feeds {
                var deleted: Change?
                while deleted == nil {
                    let delivery = try #require(try await feed.next())
                    deleted = try delivery.changes().first { $0.kind == .deleted }
                }
                #expect(deleted?.reason == .expired && deleted?.version == RecordVersion(2))
                #expect(deleted?.sources == [])
                let key = try #require(deleted?.key)
                #expect(try await client.get(topic, key) == nil)
            }
            try await client.close()
        }
    }
}
