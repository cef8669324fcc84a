import Testing
import ThalwegClient
import ThalwegModel
import ThalwegServer

@Suite struct TopicTests {
    private func userTopics(_ client: ThalwegClient) async throws -> [String] {
        try await client.listTopics().map(\.definition.name).filter { !Name.isSystem($0) }
    }

    @Test func aTopicIsCreatedDescribedListedAndDropped() async throws {
        try await withServer { server in
            let client = try await server.connect()
            let made = try await client.createTopic(try Sample.definition("a"))
            #expect(made.definition == (try Sample.definition("a")))
            #expect(try await client.describeTopic("a").id == made.id)
            try await client.createTopic(try Sample.definition("b"))
            let names = try await userTopics(client)
            #expect(names.sorted() == ["a", "b"])
            try await client.dropTopic("a")
            #expect(try await userTopics(client) == ["b"])
            await #expect(throws: ThalwegError.self) { try await client.describeTopic("a") }
            // The name is free again, and its number is not used twice.
            let again = try await client.createTopic(try Sample.definition("a"))
            #expect(again.id != made.id)
            try await client.close()
        }
    }

    @Test func theSameDefinitionAgainChangesNothing() async throws {
        try await withServer { server in
            let client = try await server.connect()
            let first = try await client.createTopic(try Sample.definition())
            let second = try await client.createTopic(try Sample.definition())
            #expect(first.id == second.id)
            try await client.close()
        }
    }

    @Test func appendedFieldsMigrateAndOldRowsReadTheDefault() async throws {
        try await withServer { server in
            let client = try await server.connect()
            let old = try await client.topic(try Sample.definition())
            try await client.put(old, .u64(1), row: try Sample.row(old, "Ada"))
            var definition = try Sample.definition()
            definition.schema = try Schema(Sample.fields + [Field("mana", .scalar(.u16))])
            let new = try await client.topic(definition)
            #expect(new.id == old.id)
            let record = try #require(try await client.get(new, .u64(1)))
            #expect(
                try new.values(of: record.row)
                    == [.string("Ada"), .float(0), .signed(100), .unsigned(0)])
            // A writer with the older schema goes on.
            try await client.put(old, .u64(2), row: try Sample.row(old, "Bob"))
            try await client.close()
        }
    }

    @Test(arguments: [
        "x: f32, name: string(32), health: i32", "name: string(32), x: f64", "x: f32",
    ])
    func otherChangesOfTheSchemaAreRefusedAndNameTheField(schema: String) async throws {
        try await withServer { server in
            let client = try await server.connect()
            try await client.createTopic(try Sample.definition())
            var definition = try Sample.definition()
            definition.schema = try Schema(parsing: schema)
            let error = await #expect(throws: ThalwegError.self) {
                try await client.createTopic(definition)
            }
            #expect(error?.code == .schemaMismatch)
            #expect(error?.message.contains("field '") == true)
            try await client.close()
        }
    }

    @Test func alteredOptionsAreDescribed() async throws {
        try await withServer { server in
            let client = try await server.connect()
            try await client.createTopic(try Sample.definition())
            var options = try Sample.definition().options
            options.tombstoneRetentionMicroseconds = 60_000_000
            try await client.alterTopic("players", options: options)
            #expect(try await client.describeTopic("players").definition.options == options)
            try await client.close()
        }
    }

    @Test func aLimitOfTopicsIsAnErrorWithItsNumbers() async throws {
        try await withServer {
            $0.limits.topics = 1
        } _: { server in
            let client = try await server.connect()
            try await client.createTopic(try Sample.definition("a"))
            let error = await #expect(throws: ThalwegError.self) {
                try await client.createTopic(try Sample.definition("b"))
            }
            #expect(error?.code == .tooManyTopics)
            #expect(error?.limit == 1)
            try await client.close()
        }
    }
}
