import Foundation
import Testing
import ThalwegClient
import ThalwegModel
import ThalwegServer
import ThalwegWire

@Suite struct SystemTopicTests {
    /// The values of one record by field.
    private func fields(_ topic: Topic, _ row: [UInt8]) throws -> [String: Value] {
        let names = topic.definition.schema?.fields.map(\.name) ?? []
        return Dictionary(uniqueKeysWithValues: zip(names, try topic.values(of: row)))
    }

    private func connections(_ client: ThalwegClient) async throws -> [[String: Value]] {
        let topic = try await client.topic("thalweg.connections")
        return try await client.scan(topic, limit: 10_000).records.map {
            try fields(topic, $0.row)
        }
    }

    @Test func aNodeAloneIsARecord() async throws {
        try await withServer { server in
            let client = try await server.connect(.readOnly)
            let topic = try await client.topic("thalweg.nodes")
            let records = try await client.scan(topic).records
            let values = try fields(topic, try #require(records.first).row)
            #expect(records.count == 1 && records[0].key == .string("0"))
            #expect(values["role"] == .string("alone") && values["state"] == .string("serving"))
            #expect(values["version"] == .string(serverVersion))
            #expect(values["lag_entries"] == .unsigned(0))
            try await client.close()
        }
    }

    @Test func connectionsAreRecords() async throws {
        try await withServer { server in
            let gps = try await server.connect(.named("gps"))
            let reader = try await server.connect(.readOnly)
            let held = try await connections(reader)
            #expect(held.count == 2)
            let found = try #require(held.first { $0["source_name"] == .string("gps") })
            #expect(found["client"] == .string("test"))
            #expect(found["source"] == .unsigned(UInt64(gps.source.rawValue)))
            guard case .string(let address) = found["address"] else {
                Issue.record("no address")
                return
            }
            #expect(address.contains("127.0.0.1"))
            try await gps.close()
            try await reader.close()
        }
    }

    /// Who watches hears of those who come and go, each as a change of a record.
    @Test func connectionsCanBeWatched() async throws {
        try await withServer { server in
            let watcher = try await server.connect(.readOnly)
            let topic = try await watcher.topic("thalweg.connections")
            let guest = try await server.connect(.named("guest"))
            var isHere = false
            for try await delivery in try await watcher.subscribe(
                topic, from: .start, filter: "source_name == \"guest\"")
            {
                let changes = try delivery.changes()
                if !isHere, changes.contains(where: { $0.row != nil }) {
                    isHere = true
                    try await guest.close()
                } else if isHere, let change = changes.first(where: { $0.kind == .deleted }) {
                    #expect(change.reason == .epoch)
                    break
                }
            }
            try await watcher.close()
        }
    }

    @Test func topicsAreRecords() async throws {
        try await withServer { server in
            let client = try await server.connect()
            let players = try await client.topic(try Sample.definition())
            for key in UInt64(1)...5 {
                try await client.put(players, .u64(key), row: try Sample.row(players, "p"))
            }
            let topic = try await client.topic("thalweg.topics")
            let record = try #require(try await client.get(topic, .string("players")))
            let told = try fields(topic, record.row)
            #expect(told["records"] == .unsigned(5))
            #expect(told["last_offset"] == .unsigned(5))
            #expect(told["writes"] == .unsigned(5))
            #expect(try await client.get(topic, .string("thalweg.topics")) == nil)
            try await client.close()
        }
    }

    @Test func nobodyElseWritesThem() async throws {
        try await withServer { server in
            let client = try await server.connect()
            let topic = try await client.topic("thalweg.topics")
            let row = try #require(topic.layout?.defaultRow)
            let error = await #expect(throws: ThalwegError.self) {
                try await client.put(topic, .string("x"), row: row)
            }
            #expect(error?.code == .notAllowed)
            for change: () async throws -> Void in [
                { try await client.dropTopic("thalweg.topics") },
                { try await client.truncateTopic("thalweg.topics") },
                { try await client.alterTopic("thalweg.topics", options: TopicOptions()) },
                { _ = try await client.createTopic(try Sample.definition("thalweg.mine")) },
            ] {
                let error = await #expect(throws: ThalwegError.self) { try await change() }
                #expect(error?.code == .invalidName)
            }
            try await client.close()
        }
    }

    /// Nothing is written while nobody looks, and connections of before a restart are gone.
    @Test func theyCostNothingUnlessSomebodyLooks() async throws {
        let first = try await TestServer.start()
        defer { try? FileManager.default.removeItem(atPath: first.directory) }
        let client = try await first.connect(.readOnly)
        let entries = try await client.status()["entries"]
        let guests = [try await first.connect(.readOnly), try await first.connect(.readOnly)]
        #expect(try await client.status()["entries"] == entries)
        #expect(try await connections(client).count == 3)
        for guest in guests { try await guest.close() }
        await first.server.stop()
        let second = try await TestServer.start(first.directory)
        let reader = try await second.connect(.readOnly)
        #expect(try await connections(reader).count == 1)
        try await reader.close()
        await second.server.stop()
    }
}
