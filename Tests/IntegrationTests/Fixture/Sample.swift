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
