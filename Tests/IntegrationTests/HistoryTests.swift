import Testing
import ThalwegClient
import ThalwegModel
import ThalwegServer

/// What a topic was, and who changed it, asked of a server.
@Suite struct HistoryTests {
    private static func definition() throws(ThalwegError) -> TopicDefinition {
        var definition = try Sample.definition()
        definition.options = TopicOptions(writes: .every, history: .forever)
        return definition
    }

    @Test func whoChangedAFieldOfARecordIsTold() async throws {
        try await withServer { server in
            let ada = try await server.connect(.named("ada"))
            let bob = try await server.connect(.named("bob"))
            let topic = try await ada.topic(try HistoryTests.definition())
            let same = try await bob.topic("players")
            try await ada.put(topic, .u64(1), row: try Sample.row(topic, "one", 0, 100))
            try await ada.put(topic, .u64(2), row: try Sample.row(topic, "two", 0, 100))
            let hit = try Sample.health(same, 80)
            try await bob.patch(same, .u64(1), mask: hit.mask, values: hit.values)
            let move = try #require(topic.layout).encodePatch([(field: 1, value: .float(3))])
            try await ada.patch(topic, .u64(1), mask: move.mask, values: move.values)

            let page = try await ada.history(
                topic, key: .u64(1), fields: 0b100, includePrevious: true)
            #expect(page.isComplete && page.reached == Offset(4))
            #expect(page.changes.map(\.kind) == [.created, .updated])
            #expect(page.changes.map { $0.origin?.source } == [ada.source, bob.source])
            let change = try #require(page.changes.last)
            #expect(change.changedFields == 0b100)
            #expect(try topic.values(of: try #require(change.row))[2] == .signed(80))
            #expect(try topic.values(of: try #require(change.previous))[2] == .signed(100))

            let time = try #require(change.origin?.time)
            let since = try await ada.history(topic, after: .time(time), key: .u64(1))
            #expect(since.changes.map(\.offset) == [Offset(4)])
            try await ada.close()
            try await bob.close()
        }
    }

    @Test func differencesAndStatesOfLongHistoriesComeInPages() async throws {
        try await withServer { server in
            let client = try await server.connect()
            let topic = try await client.topic(Stream.definition())
            // More changes than one page looks at, of 50 keys.
            var values: [String: String] = [:]
            var atMiddle: [String: String] = [:]
            var middle = Offset.start
            for round in 0..<40 {
                var batch = Batch(topic, acknowledgement: .committed)
                for number in 0..<1_000 {
                    let key = "k\(number % 50)"
                    if (round + number) % 7 == 0 {
                        try batch.retract(.string(key))
                        values[key] = nil
                    } else {
                        let value = "\(round * 1_000 + number)"
                        try batch.assert(.string(key), row: Array(value.utf8))
                        values[key] = value
                    }
                }
                let answer = try await client.write(&batch)
                if round == 9 {
                    atMiddle = values
                    middle = try #require(answer.lastOffset)
                }
            }
            var state = atMiddle
            for change in try await client.difference(topic, from: .offset(middle)) {
                guard case .string(let key) = change.key else { continue }
                #expect(change.previous.map { String(decoding: $0, as: UTF8.self) } == state[key])
                state[key] = change.row.map { String(decoding: $0, as: UTF8.self) }
            }
            #expect(state == values)

            var found: [String: String] = [:]
            var token: [UInt8] = []
            repeat {
                let page = try await client.scan(
                    topic, at: .offset(middle), limit: 7, resumeToken: token)
                for record in page.records {
                    guard case .string(let key) = record.key else { continue }
                    found[key] = String(decoding: record.row, as: UTF8.self)
                }
                token = page.nextToken
            } while !token.isEmpty
            #expect(found == atMiddle)
            // In the order of keys, though records change between the pages.
            var ordered: [(String, String)] = []
            repeat {
                let page = try await client.scan(
                    topic, at: .offset(middle), order: .key, limit: 7, resumeToken: token)
                #expect(page.applied == middle)
                for record in page.records {
                    guard case .string(let key) = record.key else { continue }
                    ordered.append((key, String(decoding: record.row, as: UTF8.self)))
                }
                token = page.nextToken
                try await client.put(topic, "k\(ordered.count)", "later")
            } while !token.isEmpty
            let expected = atMiddle.sorted { $0.key < $1.key }
            #expect(ordered.map(\.0) == expected.map(\.key))
            #expect(ordered.map(\.1) == expected.map(\.value))
            let keys = (0..<50).map { Key.string("k\($0)") }
            let records = try await client.get(topic, many: keys, at: .offset(middle))
            #expect(records.applied == middle)
            for (number, record) in records.records.enumerated() {
                let value = record.map { String(decoding: $0.row, as: UTF8.self) }
                #expect(value == atMiddle["k\(number)"])
            }
            try await client.close()
        }
    }

    @Test func whatIsNotKeptIsRefused() async throws {
        try await withServer { server in
            let client = try await server.connect()
            let plain = try await client.topic(try Sample.definition("plain"))
            let none = await #expect(throws: ThalwegError.self) {
                _ = try await client.history(plain)
            }
            #expect(none?.code == .noHistory)
            let topic = try await client.topic(Stream.definition())
            try await client.put(topic, "a", "1")
            let early = await #expect(throws: ThalwegError.self) {
                _ = try await client.get(topic, many: [.string("a")], at: .offset(Offset(9)))
            }
            #expect(early?.code == .notYet)
            let backwards = await #expect(throws: ThalwegError.self) {
                _ = try await client.difference(topic, from: .newest, until: .earliest)
            }
            #expect(backwards?.code == .tooOld)
            let token = await #expect(throws: ThalwegError.self) {
                _ = try await client.scan(topic, at: .newest, resumeToken: [1, 2, 3])
            }
            #expect(token?.code == .invalidFrame)
            let other = await #expect(throws: ThalwegError.self) {
                _ = try await client.scan(
                    topic, at: .newest, order: .key, resumeToken: [9, 91])
            }
            #expect(other?.code == .invalidFrame)
            #expect(
                try await client.get(topic, many: [.string("a")], at: .earliest).records == [nil])
            try await client.close()
        }
    }
}
