import ThalwegModel

/// The topics in which the server tells of itself.
enum SystemTopic: String, CaseIterable, Sendable {
    case connections = "thalweg.connections"
    case topics = "thalweg.topics"
    case nodes = "thalweg.nodes"

    /// A node that does not lead serves it too, with what the leader wrote.
    var isOfCluster: Bool { self == .nodes }

    /// Bytes of a text in their rows; longer ones are cut.
    static let textBytes = 255

    private var keyKind: KeyKind {
        switch self {
        case .connections: .u64
        case .topics, .nodes: .string
        }
    }

    private var fields: [Field] {
        let text = FieldType.string(max: SystemTopic.textBytes)
        return switch self {
        case .connections:
            [
                Field("client", text), Field("address", text), Field("source", .scalar(.u16)),
                Field("source_name", text), Field("since", .scalar(.timestamp)),
                Field("bytes_in", .scalar(.u64)), Field("subscriptions", .scalar(.u32)),
            ]
        case .topics:
            [
                Field("id", .scalar(.u32)), Field("records", .scalar(.u64)),
                Field("memory_bytes", .scalar(.u64)), Field("writes", .scalar(.u64)),
                Field("last_offset", .scalar(.u64)), Field("oldest_offset", .scalar(.u64)),
                Field("subscriptions", .scalar(.u32)),
            ]
        case .nodes:
            [
                Field("role", text), Field("state", text), Field("address", text),
                Field("client_address", text), Field("version", text),
                Field("commit_index", .scalar(.u64)), Field("applied_index", .scalar(.u64)),
                Field("disk_index", .scalar(.u64)), Field("lag_entries", .scalar(.u64)),
                Field("heard", .optional(.scalar(.timestamp))),
            ]
        }
    }

    var definition: TopicDefinition {
        get throws(ThalwegError) {
            TopicDefinition(
                name: rawValue, keyKind: keyKind, schema: try Schema(fields),
                options: TopicOptions(tombstoneRetentionMicroseconds: 60_000_000))
        }
    }

    /// As much of a text as a field takes.
    static func cut(_ text: String) -> Value {
        var bytes = 0
        let end = text.unicodeScalars.firstIndex { scalar in
            bytes += UTF8.width(scalar)
            return bytes > textBytes
        }
        return .string(end.map { String(text[..<$0]) } ?? text)
    }
}
