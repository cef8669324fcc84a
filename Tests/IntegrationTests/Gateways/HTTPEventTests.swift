import Testing
import ThalwegClient
import ThalwegModel
import ThalwegServer

/// Subscriptions as server-sent events.
@Suite(.timeLimit(.minutes(2))) struct HTTPEventTests {
    @Test func changesComeAsTheyAreCommittedAndAResumeMissesNothing() async throws {
        try await withHTTP { server in
            let client = try await server.connect(.named("writer"))
            let topic = try await client.topic(try Sample.definition())
            try await client.put(topic, .u64(1), row: try Sample.row(topic, "a"))
            let first = try HTTPPeer(server.server.httpAddress)
            try first.listen("/v1/topics/players/changes?previous=true")
            let a = #"{"name": "a", "x": 0.0, "health": 100}"#
            let all = #""changed": ["name", "x", "health"]"#
            #expect(
                try first.event()
                    == HTTPPeer.Event(
                        name: "created",
                        data:
                            #"{"kind": "created", "key": 1, "offset": 1, "version": 1, "sources": [1], \#(all), "record": \#(a)}"#
                    ))
            #expect(
                try first.event()
                    == HTTPPeer.Event(name: "caught_up", data: #"{"offset": 1}"#, id: "1"))
            let patch = try Sample.health(topic, 5)
            _ = try await client.patch(topic, .u64(1), mask: patch.mask, values: patch.values)
            let updated = try #require(try first.event())
            #expect(updated.name == "updated" && updated.id == "2")
            #expect(updated.data.contains(#""changed": ["health"]"#))
            #expect(updated.data.hasSuffix(#""previous": \#(a)}"#))
            first.raw.end(resets: false)

            // What changes while nobody listens is told once, newest.
            try await client.put(topic, .u64(2), row: try Sample.row(topic, "b"))
            try await client.retract(topic, .u64(1))
            try await client.put(topic, .u64(2), row: try Sample.row(topic, "c"))
            let second = try HTTPPeer(server.server.httpAddress)
            try second.listen("/v1/topics/players/changes", ["Last-Event-ID: 2"])
            let told = [try #require(try second.event()), try #require(try second.event())]
            #expect(told.map(\.name) == ["deleted", "updated"])
            #expect(told[0].data.contains(#""key": 1"#) && told[0].data.contains("retracted"))
            #expect(told[1].data.contains(#""name": "c""#))
            #expect(try second.event()?.id == "5")
            try await client.close()
        }
    }

    @Test func filtersFieldsAndTheEnd() async throws {
        try await withHTTP { server in
            let client = try await server.connect()
            let topic = try await client.topic(try Sample.definition())
            let weak = try HTTPPeer(server.server.httpAddress)
            try weak.listen(
                "/v1/topics/players/changes?from=now&filter=health%20%3C%2010&fields=health,x")
            #expect(try weak.event()?.name == "caught_up")
            try await client.put(topic, .u64(1), row: try Sample.row(topic, "a", 0, 100))
            try await client.put(topic, .u64(1), row: try Sample.row(topic, "a", 0, 5))
            let entered = try #require(try weak.event())
            #expect(entered.name == "entered")
            #expect(entered.data.hasSuffix(#""record": {"x": 0.0, "health": 5}}"#))
            try await client.put(topic, .u64(1), row: try Sample.row(topic, "a", 0, 50))
            #expect(try weak.event()?.name == "left")
            try await client.dropTopic("players")
            let ended = try #require(try weak.event())
            #expect(ended.name == "ended" && ended.data.contains("unknown_topic"))
            #expect(try weak.event() == nil)
            // The connection goes on.
            #expect(try weak("GET", "/v1/topics/players/changes").code == "unknown_topic")
            try await client.close()
        }
    }

    @Test func whoIsTooLateBeginsAnew() async throws {
        try await withHTTP { server in
            let client = try await server.connect()
            var definition = try Sample.definition()
            // Deletions are forgotten as soon as they may be.
            definition.options.tombstoneRetentionMicroseconds = 0
            let topic = try await client.topic(definition)
            for key in UInt64(1)...3 {
                try await client.put(topic, .u64(key), row: try Sample.row(topic, "a"))
            }
            try await client.retract(topic, .u64(2))
            try await client.put(topic, .u64(3), row: try Sample.row(topic, "b"))
            let peer = try HTTPPeer(server.server.httpAddress)
            try peer.listen("/v1/topics/players/changes?from=1")
            #expect(try peer.event()?.name == "reset")
            #expect(try peer.event()?.data.contains(#""key": 1"#) == true)
            #expect(try peer.event()?.data.contains(#""key": 3"#) == true)
            #expect(try peer.event()?.name == "caught_up")
            try await client.close()
        }
    }

    /// Who does not read is told newest states later, and nobody else waits.
    @Test func aReaderThatStandsStillIsConflated() async throws {
        try await withHTTP { options in
            options.limits.outboundBytesPerConnection = 64 << 10
        } _: { server in
            let client = try await server.connect()
            let topic = try await client.topic(
                TopicDefinition(name: "large", keyKind: .u64, schema: nil))
            let slow = try HTTPPeer(server.server.httpAddress)
            try slow.listen("/v1/topics/large/changes")
            #expect(try slow.event()?.name == "caught_up")
            var last = Offset.start
            for round in 0..<200 {
                let row = [UInt8](repeating: UInt8(ascii: "a") + UInt8(round % 26), count: 200_000)
                last = try await client.put(topic, .u64(UInt64(round % 4)), row: row).offset
            }
            // It reads on: each record's newest state comes in the end, and not every change did.
            var events = 0
            var reached = ""
            while reached != "\(last)" {
                let event = try #require(try slow.event())
                events += 1
                if let id = event.id { reached = id }
            }
            #expect(events < 200)
            try await client.close()
        }
    }
}
