public import ThalwegModel
package import ThalwegText
package import ThalwegWire

/// A topic's options as people write them; those that are left out change nothing.
public struct TopicOptionTexts: Hashable, Sendable {
    /// `20ms`
    public var window: String?
    /// `coalesced` or `every`
    public var writes: String?
    /// `none`, `100000`, `24h`, `forever`
    public var history: String?
    /// `1h`; `0` is never.
    public var ttl: String?
    /// `5m`
    public var tombstones: String?

    public init() {}

    public var isEmpty: Bool { self == TopicOptionTexts() }

    /// - Throws: `invalid_configuration` or `invalid_options`.
    public func apply(to options: inout TopicOptions) throws(ThalwegError) {
        if let window {
            let microseconds = try DurationNotation.microseconds(window, of: "the window")
            guard (1_000...60_000_000).contains(microseconds) else {
                throw ThalwegError(
                    .invalidOptions, "a window of \(window) is not possible",
                    advice: "choose a window between 1ms and 60s", limit: 60_000_000,
                    value: microseconds)
            }
            options.writes = .coalesced(windowMicroseconds: UInt32(microseconds))
        }
        if let writes { options.writes = try Self.writes(writes, options.writes, window) }
        if let history { options.history = try Self.history(history) }
        if let ttl {
            options.timeToLiveMicroseconds = try DurationNotation.microseconds(
                ttl, of: "the time to live")
        }
        if let tombstones {
            options.tombstoneRetentionMicroseconds = try DurationNotation.microseconds(
                tombstones, of: "the retention of tombstones")
        }
    }

    private static func writes(
        _ text: String, _ present: TopicOptions.Writes, _ window: String?
    ) throws(ThalwegError) -> TopicOptions.Writes {
        switch text {
        case "every":
            guard window == nil else {
                throw ThalwegError(
                    .invalidOptions, "a topic that keeps every write has no window",
                    advice: "leave the window out")
            }
            return .every
        case "coalesced":
            if case .coalesced = present { return present }
            return .coalesced(windowMicroseconds: 0)
        default:
            throw ThalwegError(
                .invalidConfiguration, "'\(text.prefix(60))' is no way to treat writes",
                advice: "write coalesced or every")
        }
    }

    private static func history(_ text: String) throws(ThalwegError) -> TopicOptions.History {
        switch text {
        case "none": return .none
        case "forever": return .forever
        default:
            if let count = UInt64(text) { return .count(count) }
            return .microseconds(try DurationNotation.microseconds(text, of: "the history"))
        }
    }
}

/// A topic from and to JSON, in one shape wherever it is told.
package enum TopicJSON {
    package static func json(_ info: TopicInfo) -> JSON {
        let definition = info.definition
        let options = definition.options
        return .members([
            "name": .string(definition.name),
            "id": .unsigned(UInt64(info.id.rawValue)),
            "key": .string(definition.keyKind.name),
            "schema": definition.schema.map { .string($0.description) } ?? .null,
            "writes": .string(writes(options)),
            "history": .string(history(options)),
            "ttl_us": .unsigned(options.timeToLiveMicroseconds),
            "tombstones_us": .unsigned(options.tombstoneRetentionMicroseconds),
            "records": .unsigned(info.liveRecords),
            "last_offset": .unsigned(info.lastOffset.rawValue),
            "memory_bytes": .unsigned(info.memoryBytes),
            "oldest_resumable_offset": .unsigned(info.oldestResumableOffset.rawValue),
        ])
    }

    package static func writes(_ options: TopicOptions) -> String {
        switch options.writes {
        case .coalesced(let window):
            "coalesced over \(DurationNotation.text(microseconds: UInt64(window)))"
        case .every: "every"
        }
    }

    package static func history(_ options: TopicOptions) -> String {
        switch options.history {
        case .none: "none"
        case .count(let count): "\(count) changes"
        case .microseconds(let duration): DurationNotation.text(microseconds: duration)
        case .forever: "forever"
        }
    }

    // MARK: From JSON

    /// What a topic is to be.
    static func definition(_ json: JSON) throws(ThalwegError) -> TopicDefinition {
        let members = try members(json, ["name", "key", "schema"] + optionNames)
        guard let name = try text(members, "name") else {
            throw ThalwegError(.invalidName, "the topic has no name", advice: "say \"name\"")
        }
        let kind = try text(members, "key") ?? "string"
        guard let keyKind = KeyKind(name: kind) else {
            throw ThalwegError(
                .invalidKey, "'\(kind.prefix(60))' is no kind of key",
                advice: "write u64, uuid, bytes32 or string")
        }
        let schema = try text(members, "schema").map { (text) throws(ThalwegError) in
            try Schema(parsing: text)
        }
        var definition = TopicDefinition(name: name, keyKind: keyKind, schema: schema)
        // The server's own default, unless it is said.
        definition.options.writes = .coalesced(windowMicroseconds: 0)
        try options(members).apply(to: &definition.options)
        return definition
    }

    /// What is to change of a topic.
    static func options(_ json: JSON) throws(ThalwegError) -> TopicOptionTexts {
        let texts = try options(try members(json, optionNames))
        guard !texts.isEmpty else {
            throw ThalwegError(
                .invalidOptions, "nothing is to change",
                advice: "say one of " + optionNames.joined(separator: ", "))
        }
        return texts
    }

    private static let optionNames = ["window", "writes", "history", "ttl", "tombstones"]

    private static func options(
        _ members: [String: JSON]
    ) throws(ThalwegError) -> TopicOptionTexts {
        var texts = TopicOptionTexts()
        texts.window = try text(members, "window")
        texts.writes = try text(members, "writes")
        texts.history = try text(members, "history")
        texts.ttl = try text(members, "ttl")
        texts.tombstones = try text(members, "tombstones")
        return texts
    }

    private static func members(
        _ json: JSON, _ names: [String]
    ) throws(ThalwegError) -> [String: JSON] {
        guard case .object(let members) = json else {
            throw ThalwegError(.invalidOptions, "a topic is a JSON object")
        }
        var found: [String: JSON] = [:]
        for member in members {
            guard names.contains(member.name) else {
                throw ThalwegError(
                    .invalidOptions, "'\(member.name.prefix(60))' means nothing here",
                    advice: "there are " + names.joined(separator: ", "))
            }
            found[member.name] = member.value
        }
        return found
    }

    private static func text(
        _ members: [String: JSON], _ name: String
    ) throws(ThalwegError) -> String? {
        switch members[name] {
        case nil, .null?: return nil
        case .string(let text)?: return text
        case .unsigned(let number)?: return String(number)
        case .signed(let number)?: return String(number)
        default: throw ThalwegError(.invalidOptions, "'\(name)' is a text")
        }
    }
}
