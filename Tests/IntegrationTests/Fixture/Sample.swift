import ThalwegClient
import ThalwegModel

/// The topic that the tests of this folder write to.
enum Sample {
    static let fields = [
        Field("name", .string(max: 32)), Field("x", .scalar(.f32)), Field("health", .scalar(.i32)),
    ]

    static func definition(
        _ name: String = "players", windowMilliseconds: UInt32 = 5
    ) throws(ThalwegError) -> TopicDefinition {
        TopicDefinition(
            name: name, keyKind: .u64, schema: try Schema(fields),
            options: TopicOptions(
                writes: .coalesced(windowMicroseconds: windowMilliseconds * 1_000)))
    }

    static func row(
        _ topic: Topic, _ name: String, _ x: Double = 0, _ health: Int64 = 100
    ) throws -> [UInt8] {
        guard let layout = topic.layout else { throw ThalwegError(.invalidSchema, "no layout") }
        return try layout.encode([.string(name), .float(x), .signed(health)])
    }

    static func health(_ topic: Topic, _ health: Int64) throws -> (mask: UInt64, values: [UInt8]) {
        guard let layout = topic.layout else { throw ThalwegError(.invalidSchema, "no layout") }
        return try layout.encodePatch([(field: 2, value: .signed(health))])
    }
}

extension ThalwegClient {
    /// The keys of all records of a topic, page by page.
    func keys(_ topic: Topic) async throws -> Set<UInt64> {
        var keys: Set<UInt64> = []
        var token: [UInt8] = []
        repeat {
            let page = try await scan(topic, resumeToken: token)
            for case .u64(let key) in page.records.map(\.key) { keys.insert(key) }
            token = page.nextToken
        } while !token.isEmpty
        return keys
    }
}
