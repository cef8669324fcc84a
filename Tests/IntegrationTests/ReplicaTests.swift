import Testing
import ThalwegClient
import ThalwegModel
import ThalwegServer

/// A record of the sample topic, as `@Record` would write it.
private struct Unit: Record, Equatable {
    static let recordShape = RecordShape("players", Sample.fields)
    var id: UInt64
    var name: String
    var x: Float
    var health: Int32
    var recordKey: UInt64 { id }

    func encodeRow(into encoder: inout RowEncoder) throws(ThalwegError) {
        try encoder.string(name, max: 32, "name")
        encoder.scalar(x)
        encoder.scalar(health)
    }

    struct Patch: RecordPatch {
        var patchMask: UInt64 { 0 }
        func encodePatch(into encoder: inout RowEncoder) throws(ThalwegError) {}
    }

    struct Fields: OptionSet, Sendable {
        let rawValue: UInt64
    }
}

extension Unit {
    init(key: UInt64, row decoder: inout RowDecoder) throws(ThalwegError) {
        self.init(
            id: key, name: try decoder.string(), x: try decoder.scalar(),
            health: try decoder.scalar())
    }
}

/// A replica of a real server whose connection is lost while things happen: afterwards it holds what
/// the server holds, and whoever follows its changes does too.
@Suite(.timeLimit(.minutes(2))) struct ReplicaTests {
    /// A writer, a replica behind a proxy that can be shut, and somebody who follows its changes.
    private final class Stage {
        let writer: ThalwegClient
        let reader: ThalwegClient
        let proxy: CuttingProxy
        var topic: Topic
        let replica: Replica<Unit>
        private var changes: ReplicaChanges<UInt64>.AsyncIterator
        private var mirror: [UInt64: Unit] = [:]

        init(_ server: TestServer, filter: String, retention: UInt64) async throws {
            writer = try await server.connect(.named("w"))
            topic = try await writer.topic(try Self.definition(retention))
            try await Self.put(writer, topic, 0..<200, health: 50)
            proxy = try CuttingProxy(server.address)
            reader = try await TestServer.connectLasting(proxy.address, .readOnly)
            replica = try await reader.replica(of: Unit.self, filter: filter)
            changes = replica.changes.makeAsyncIterator()
            try await replica.ready()
            mirror = replica.records
            #expect(mirror.count == 200)
        }

        static func definition(_ retention: UInt64) throws -> TopicDefinition {
            var definition = try Sample.definition(windowMilliseconds: 1)
            definition.options.tombstoneRetentionMicroseconds = retention
            return definition
        }

        static func put(
            _ client: ThalwegClient, _ topic: Topic, _ keys: some Sequence<UInt64>, health: Int64
        ) async throws {
            var batch = Batch(topic, acknowledgement: .committed)
            for key in keys {
                try batch.assert(
                    .u64(key), row: try Sample.row(topic, "p\(key)", 1, health))
            }
            try await client.write(&batch)
        }

        func retract(_ keys: some Sequence<UInt64>) async throws {
            var batch = Batch(topic, acknowledgement: .committed)
            for key in keys { try batch.retract(.u64(key)) }
            try await writer.write(&batch)
        }

        /// The connection is lost, and no other one is had before `body` ends.
        func away(_ body: () async throws -> Void) async throws {
            proxy.setPlan { _ in CuttingProxy.Plan(toServer: 0, toClient: 0) }
            proxy.cutAll()
            try await body()
            proxy.setPlan { _ in .none }
        }

        /// Follows the replica's changes until it holds what the server does.
        func expectSame(_ what: Comment, filter: (Unit) -> Bool) async throws {
            let page = try await writer.scan(topic, limit: 5_000)
            var table: [UInt64: Unit] = [:]
            for record in page.records {
                guard case .u64(let key) = record.key else { continue }
                let values = try topic.values(of: record.row)
                guard case .string(let name) = values[0], case .float(let x) = values[1],
                    case .signed(let health) = values[2]
                else { continue }
                let unit = Unit(id: key, name: name, x: Float(x), health: Int32(health))
                if filter(unit) { table[key] = unit }
            }
            while replica.records != table || mirror != table {
                let update = try #require(await changes.next(), what)
                if update.isReset { mirror = replica.records }
                for key in update.keys { mirror[key] = replica[key] }
            }
            #expect(replica.failure == nil, what)
        }

        func close() async throws {
            proxy.stop()
            try await reader.close()
            try await writer.close()
        }
    }

    @Test(arguments: ["", "health > 10"])
    func aReplicaIsRightWhateverHappenedWhileItWasAway(filter: String) async throws {
        let holds: (Unit) -> Bool = { filter.isEmpty || $0.health > 10 }
        // Deletions are remembered for long, or not at all: then it starts over.
        for retention in [UInt64(300_000_000), 0] {
            try await withServer { server in
                let stage = try await Stage(server, filter: filter, retention: retention)
                let writer = stage.writer
                try await stage.away {
                    try await Stage.put(writer, stage.topic, 100..<250, health: 60)
                    try await Stage.put(writer, stage.topic, 20..<30, health: 5)
                    try await stage.retract(0..<20)
                    try await Stage.put(writer, stage.topic, 10..<12, health: 70)
                }
                try await stage.expectSame("changes, \(retention)", filter: holds)
                try await stage.away {
                    try await writer.truncateTopic("players")
                    try await Stage.put(writer, stage.topic, 5..<50, health: 51)
                }
                try await stage.expectSame("a truncation, \(retention)", filter: holds)
                try await stage.away {
                    var definition = try Stage.definition(retention)
                    definition.schema = try Schema(
                        Sample.fields + [Field("team", .scalar(.u16))])
                    stage.topic = try await writer.topic(definition)
                    let layout = try #require(stage.topic.layout)
                    try await writer.put(
                        stage.topic, .u64(7),
                        row: try layout.encode([
                            .string("new"), .float(2), .signed(99), .unsigned(3),
                        ]))
                }
                try await stage.expectSame("a migration, \(retention)", filter: holds)
                try await stage.away {
                    try await writer.dropTopic("players")
                    stage.topic = try await writer.topic(try Stage.definition(retention))
                    // Fewer changes than it has seen, or more, of other records and the same.
                    try await Stage.put(writer, stage.topic, 40..<60, health: 52)
                }
                try await stage.expectSame("a drop, \(retention)", filter: holds)
                // Without a connection lost.
                try await writer.truncateTopic("players")
                try await Stage.put(writer, stage.topic, 1..<4, health: 53)
                try await stage.expectSame("live, \(retention)", filter: holds)
                try await stage.close()
            }
        }
    }

    /// Its topic is gone: what it holds can be read on, and it says why nothing comes any more.
    @Test func aReplicaOfATopicThatIsGoneEndsAndSaysSo() async throws {
        try await withServer { server in
            let stage = try await Stage(server, filter: "", retention: 300_000_000)
            try await stage.away { try await stage.writer.dropTopic("players") }
            for await update in stage.replica.changes { #expect(!update.isReset) }
            #expect(stage.replica.failure?.code == .unknownTopic)
            #expect(stage.replica.count == 200 && stage.replica[7]?.health == 50)
            for await _ in stage.replica.changes { Issue.record("nothing comes any more") }
            try await stage.close()
        }
    }
}
