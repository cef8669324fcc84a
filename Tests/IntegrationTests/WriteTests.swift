import Testing
import ThalwegClient
import ThalwegModel

@Suite struct WriteTests {
    /// Runs `body` with a server, a client and the sample topic.
    private func withTopic(_ body: (ThalwegClient, Topic) async throws -> Void) async throws {
        try await withServer { server in
            let client = try await server.connect()
            let topic = try await client.topic(try Sample.definition())
            try await body(client, topic)
            try await client.close()
        }
    }

    @Test(arguments: [Acknowledgement.none, .received, .committed, .committedEach])
    func everyAcknowledgementTellsWhatItPromises(mode: Acknowledgement) async throws {
        try await withTopic { client, topic in
            var batch = Batch(topic, acknowledgement: mode)
            for key in UInt64(1)...100 {
                try batch.assert(.u64(key), row: try Sample.row(topic, "p\(key)"))
            }
            let answer = try await client.write(&batch)
            #expect(answer.writes == 100)
            switch mode {
            case .none, .received:
                #expect(answer.counts == nil)
                try await client.flush()
            case .committed, .committedEach:
                #expect(answer.counts?.accepted == 100)
                #expect(answer.lastOffset == Offset(100))
                #expect(answer.results.count == (mode == .committedEach ? 100 : 0))
                #expect(answer.results.allSatisfy { $0.version == RecordVersion(1) })
            }
            let records = try await client.get(topic, many: (1...100).map { .u64($0) }).records
            #expect(records.allSatisfy { $0 != nil })
        }
    }

    @Test func aFlushAnswersWhenEverythingBeforeIsThere() async throws {
        try await withTopic { client, topic in
            for round in Int64(1)...50 {
                var batch = Batch(topic)
                try batch.assert(.u64(1), row: try Sample.row(topic, "Ada", 0, round))
                try await client.write(&batch)
            }
            try await client.flush()
            let record = try #require(try await client.get(topic, .u64(1)))
            #expect(try topic.values(of: record.row)[2] == .signed(50))
        }
    }

    @Test func whatChangesNothingIsUnchanged() async throws {
        try await withTopic { client, topic in
            let row = try Sample.row(topic, "Ada")
            let first = try await client.put(topic, .u64(1), row: row)
            let second = try await client.put(topic, .u64(1), row: row)
            #expect(first.verdict == .accepted)
            #expect(second.verdict == .unchanged)
            #expect(second.version == first.version && second.offset == first.offset)
        }
    }

    @Test func aPatchWritesOnlyItsFields() async throws {
        try await withTopic { client, topic in
            try await client.put(topic, .u64(1), row: try Sample.row(topic, "Ada", 1.5))
            let patch = try Sample.health(topic, 7)
            try await client.patch(topic, .u64(1), mask: patch.mask, values: patch.values)
            let record = try #require(try await client.get(topic, .u64(1)))
            #expect(
                try topic.values(of: record.row) == [.string("Ada"), .float(1.5), .signed(7)])
            #expect(record.version == RecordVersion(2))
        }
    }

    @Test func conditionsHoldOrTheWriteIsRefused() async throws {
        try await withTopic { client, topic in
            let row = try Sample.row(topic, "Ada")
            func refused(_ condition: WriteCondition) async -> ErrorCode? {
                await #expect(throws: ThalwegError.self) {
                    try await client.put(
                        topic, .u64(1), row: try Sample.row(topic, "Eve"), if: condition)
                }?.code
            }
            #expect(await refused(.present) == .conditionFailed)
            try await client.put(topic, .u64(1), row: row, if: .absent)
            #expect(await refused(.absent) == .conditionFailed)
            #expect(await refused(.versionEquals(RecordVersion(2))) == .conditionFailed)
            let next = try await client.put(
                topic, .u64(1), row: try Sample.row(topic, "Bob"),
                if: .versionEquals(RecordVersion(1)))
            #expect(next.version == RecordVersion(2))
        }
    }

    @Test func anAtomicBatchIsAllOrNothing() async throws {
        try await withTopic { client, topic in
            try await client.put(topic, .u64(3), row: try Sample.row(topic, "old"))
            var batch = Batch(topic, acknowledgement: .committedEach, isAtomic: true)
            try batch.assert(.u64(1), row: try Sample.row(topic, "one"))
            try batch.assert(.u64(2), row: try Sample.row(topic, "two"))
            try batch.assert(.u64(3), row: try Sample.row(topic, "three"), if: .absent)
            // The refusal may be told as an error or as results; either way nothing happened.
            if let answer = try? await client.write(&batch) {
                #expect(answer.counts?.accepted == 0)
            }
            let records = try await client.get(topic, many: [.u64(1), .u64(2), .u64(3)]).records
            #expect(records[0] == nil && records[1] == nil)
            #expect(records[2]?.version == RecordVersion(1))

            var good = Batch(topic, acknowledgement: .committedEach, isAtomic: true)
            try good.assert(.u64(1), row: try Sample.row(topic, "one"), if: .absent)
            try good.assert(.u64(2), row: try Sample.row(topic, "two"), if: .absent)
            #expect(try await client.write(&good).counts?.accepted == 2)
        }
    }

    @Test func aWriteThatIsNoneOfTheTopicIsInvalidAndTheOthersGoOn() async throws {
        try await withTopic { client, topic in
            var batch = Batch(topic, acknowledgement: .committedEach)
            try batch.assert(.u64(1), row: try Sample.row(topic, "good"))
            try batch.assert(.u64(2), row: [1, 2, 3])
            try batch.assert(.u64(3), row: try Sample.row(topic, "good"))
            let answer = try await client.write(&batch)
            #expect(answer.results.map(\.verdict) == [.accepted, .invalid, .accepted])
            #expect(answer.results[1].error == .invalidRow)
        }
    }

    @Test func aRecordLivesUntilItsLastSourceRetracts() async throws {
        try await withServer { server in
            let one = try await server.connect(.named("one"))
            let two = try await server.connect(.named("two"))
            let topic = try await one.topic(try Sample.definition())
            let same = try await two.topic("players")
            let row = try Sample.row(topic, "Ada")
            try await one.put(topic, .u64(1), row: row)
            try await two.put(same, .u64(1), row: row)
            let both = try #require(try await one.get(topic, .u64(1)))
            #expect(Set(both.sources) == [one.source, two.source])
            try await one.retract(topic, .u64(1))
            #expect(try await two.get(same, .u64(1))?.sources == [two.source])
            try await two.retract(same, .u64(1))
            #expect(try await two.get(same, .u64(1)) == nil)
            // Versions go on over the deletion.
            let again = try await one.put(topic, .u64(1), row: row)
            #expect(again.version > both.version)
            try await one.close()
            try await two.close()
        }
    }
}
