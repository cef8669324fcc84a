import Testing
import ThalwegClient
import ThalwegModel
import ThalwegServer

/// Two sources assert one record and die, one after the other.
@Suite(.timeLimit(.minutes(2))) struct TwoSourcesTests {
    /// Lets a source die: whoever holds it goes, and it is claimed once more with a short deadline.
    private func kill(_ server: TestServer, _ peer: SourcePeer, _ name: String) throws {
        try peer.leave(.reset)
        try SourcePeer(server, name, deadlineMilliseconds: 50).leave(.reset)
    }

    /// Where writes are merged a change of membership alone is no change: nobody is told, and the
    /// record has the version and the offset that it had.
    @Test func theRecordOutlivesTheFirstWithoutAWord() async throws {
        try await withServer { server in
            let watcher = try await server.connect(.named("watcher"))
            let topic = try await watcher.topic(
                TopicDefinition(
                    name: "states", keyKind: .u64, schema: nil,
                    options: TopicOptions(writes: .coalesced(windowMicroseconds: 1_000))))
            let first = try SourcePeer(server, "first")
            try first.put(topic.id, [1], .committed)
            let second = try SourcePeer(server, "second")
            try second.put(topic.id, [1], .committed)
            let before = try #require(try await watcher.get(topic, .u64(1)))
            #expect(before.sources.count == 2 && before.version == RecordVersion(1))
            let feed = try await watcher.subscribe(topic, from: .after(before.offset))
            let ofOne = try await watcher.subscribe(
                topic, from: .start, filter: "source == \(before.sources[0])")
            _ = try #require(try await ofOne.next())

            try kill(server, first, "first")
            let after = try await eventually("it has one source less") {
                let record = try await watcher.get(topic, .u64(1))
                return record?.sources.count == 1 ? record : nil
            }
            #expect(after.sources == [before.sources[1]])
            #expect(after.version == before.version && after.offset == before.offset)
            #expect(after.row == before.row)
            // The next that is told is something else.
            let other = try await watcher.put(topic, .u64(2), row: [2]).offset
            var told: [Change] = []
            while told.isEmpty { told += try #require(try await feed.next()).changes() }
            #expect(told.map(\.offset) == [other] && other.rawValue == before.offset.rawValue + 1)

            try kill(server, second, "second")
            told = []
            while told.isEmpty { told += try #require(try await feed.next()).changes() }
            #expect(told.map(\.key) == [.u64(1)] && told[0].kind == .deleted)
            #expect(told[0].reason == .sourceLost && told[0].sources.isEmpty)
            #expect(told[0].version == RecordVersion(2))
            #expect(try await watcher.get(topic, .u64(1)) == nil)
            try await watcher.close()
        }
    }

    /// Where every write is kept each retraction is an event, also one that leaves the record to
    /// others.
    @Test func onAStreamEachOfBothDeathsIsAnEvent() async throws {
        try await withServer { server in
            let watcher = try await server.connect(.named("watcher"))
            let topic = try await watcher.topic(
                TopicDefinition(
                    name: "events", keyKind: .u64, schema: nil,
                    options: TopicOptions(writes: .every, history: .forever)))
            let first = try SourcePeer(server, "first")
            try first.put(topic.id, [1], .committed)
            let second = try SourcePeer(server, "second")
            try second.put(topic.id, [1], .committed)
            let sources = try #require(try await watcher.get(topic, .u64(1))).sources
            try #require(sources.count == 2)
            let latest = try await watcher.subscribe(topic, from: .now)
            try kill(server, first, "first")
            let listener = try await watcher.subscribe(topic, deliver: .every)
            let events = try await listener.events(to: Offset(3))
            #expect(events.map(\.kind) == [.created, .updated, .updated])
            #expect(events.map(\.sources) == [[sources[0]], sources, [sources[1]]])
            #expect(events[2].origin?.source == sources[0] && events[2].row == events[1].row)
            #expect(events.allSatisfy { $0.reason == nil })

            try kill(server, second, "second")
            let last = try await listener.events(to: Offset(4))
            #expect(last.map(\.kind) == [.deleted] && last[0].reason == .sourceLost)
            #expect(last[0].sources.isEmpty && last[0].origin?.source == sources[1])
            var told: [Change] = []
            while told.last?.kind != .deleted {
                told += try #require(try await latest.next()).changes()
            }
            #expect(told.last?.reason == .sourceLost)
            #expect(told.dropLast().allSatisfy { $0.sources == [sources[1]] })
            try await watcher.close()
        }
    }
}
