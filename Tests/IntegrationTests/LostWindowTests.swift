import Testing
import ThalwegClient
import ThalwegLog
import ThalwegModel
import ThalwegServer

/// Writes that nobody waited for and that came to nothing: in a window that turned out to be too
/// large for the log, which the server could not know earlier, or refused at once. The next flush of
/// who wrote them says so, once.
@Suite struct LostWindowTests {
    private static func definition(_ writes: TopicOptions.Writes) -> TopicDefinition {
        TopicDefinition(
            name: "values", keyKind: .u64, schema: nil, options: TopicOptions(writes: writes))
    }

    private static func batch(
        _ topic: Topic, _ acknowledgement: Acknowledgement, bytes: Int
    ) throws -> Batch {
        var batch = Batch(topic, acknowledgement: acknowledgement)
        for key in UInt64(1)...2 {
            try batch.assert(.u64(key), row: [UInt8](repeating: 1, count: bytes))
        }
        return batch
    }

    @Test func theNextFlushSaysWhatWasRefused() async throws {
        try await withServer { server in
            let writer = try await server.connect(.named("writer"))
            let topic = try await writer.topic(Self.definition(.every))
            let kept = try await writer.topic(Sample.definition())
            let other = try await server.connect(.readOnly)
            try await other.dropTopic(topic.name)
            var batch = try Self.batch(topic, .none, bytes: 100)
            try await writer.write(&batch)
            var good = Batch(kept, acknowledgement: .none)
            try good.assert(.u64(1), row: try Sample.row(kept, "kept"))
            try await writer.write(&good)
            let error = await #expect(throws: ThalwegError.self) { try await writer.flush() }
            #expect(error?.code == .unknownTopic)
            try await writer.flush()
            #expect(try await writer.get(kept, .u64(1)) != nil)
            try await writer.close()
            try await other.close()
        }
    }

    @Test(arguments: [
        TopicOptions.Writes.coalesced(windowMicroseconds: 1_000_000), TopicOptions.Writes.every,
    ])
    func theNextFlushSaysWhatWasLost(writes: TopicOptions.Writes) async throws {
        try await withServer {
            $0.log.maximumEntryBytes = 20_000
        } _: { server in
            let writer = try await server.connect(.named("writer"))
            let other = try await server.connect(.named("other"))
            let topic = try await writer.topic(Self.definition(writes))
            for mode in [Acknowledgement.none, .received] {
                var small = try Self.batch(topic, .none, bytes: 100)
                try await other.write(&small)
                try await other.flush()

                // The window is full as soon as it is there, so it is closed at once.
                var large = try Self.batch(topic, mode, bytes: 15_000)
                try await writer.write(&large)
                // Whoever reads on the same connection is behind it.
                #expect(try await writer.get(topic, .u64(1))?.row.count == 100)
                let error = await #expect(throws: ThalwegError.self) { try await writer.flush() }
                #expect(error?.code == .recordTooLarge && error?.limit == 20_000)
                try await writer.flush()
                // Whose writes were not in it has lost nothing.
                try await other.flush()
                #expect(try await writer.get(topic, .u64(1))?.row.count == 100)
            }
            // What is written after the loss and before the flush is there.
            var large = try Self.batch(topic, .none, bytes: 15_000)
            try await writer.write(&large)
            _ = try await writer.get(topic, .u64(1))
            var small = try Self.batch(topic, .none, bytes: 50)
            try await writer.write(&small)
            let error = await #expect(throws: ThalwegError.self) { try await writer.flush() }
            #expect(error?.code == .recordTooLarge)
            #expect(try await writer.get(topic, .u64(1))?.row.count == 50)
            try await writer.close()
            try await other.close()
        }
    }
}
