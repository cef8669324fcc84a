/// How a topic treats its writes, and for how long it remembers.
public struct TopicOptions: Hashable, Sendable {
    /// What becomes of the writes between two entries.
    public enum Writes: Hashable, Sendable {
        /// Writes to one record within the window merge; the net result is one change. In a
        /// request a window of 0 asks for the server's default; a topic never has it.
        case coalesced(windowMicroseconds: UInt32)
        /// Each accepted write is a change of its own.
        case every
    }

    /// How far back changes can be read one by one.
    public enum History: Hashable, Sendable {
        case none
        case count(UInt64)
        case microseconds(UInt64)
        case forever
    }

    public var writes: Writes
    public var history: History
    /// A record that nobody asserted for this long is deleted; 0 is never.
    public var timeToLiveMicroseconds: UInt64
    /// How long a deleted record's version and offset are kept.
    public var tombstoneRetentionMicroseconds: UInt64

    /// Coalesced over 20 ms, no history, no time to live, tombstones for 5 minutes.
    public init(
        writes: Writes = .coalesced(windowMicroseconds: 20_000), history: History = .none,
        timeToLiveMicroseconds: UInt64 = 0, tombstoneRetentionMicroseconds: UInt64 = 300_000_000
    ) {
        self.writes = writes
        self.history = history
        self.timeToLiveMicroseconds = timeToLiveMicroseconds
        self.tombstoneRetentionMicroseconds = tombstoneRetentionMicroseconds
    }

    // Encoded: u8 writes (1 coalesced, 2 every), u32 window µs, u8 history (0 none, 1 count,
    // 2 µs, 3 forever), u64 history bound, u64 time to live µs, u64 tombstone retention µs.

    public func encode(into writer: inout ByteWriter) {
        switch writes {
        case .coalesced(let window):
            writer.integer(UInt8(1))
            writer.integer(window)
        case .every:
            writer.integer(UInt8(2))
            writer.integer(UInt32(0))
        }
        switch history {
        case .none:
            writer.integer(UInt8(0))
            writer.integer(UInt64(0))
        case .count(let count):
            writer.integer(UInt8(1))
            writer.integer(count)
        case .microseconds(let duration):
            writer.integer(UInt8(2))
            writer.integer(duration)
        case .forever:
            writer.integer(UInt8(3))
            writer.integer(UInt64(0))
        }
        writer.integer(timeToLiveMicroseconds)
        writer.integer(tombstoneRetentionMicroseconds)
    }

    public init(from reader: inout ByteReader) throws(ThalwegError) {
        let writesTag = try reader.integer(UInt8.self)
        let window = try reader.integer(UInt32.self)
        switch writesTag {
        case 1:
            guard window == 0 || window >= 1_000 && window <= 60_000_000 else {
                throw ThalwegError(
                    .invalidOptions, "a window of \(window) µs is not possible",
                    advice: "choose a window between 1 ms and 60 s", limit: 60_000_000,
                    value: UInt64(window))
            }
            writes = .coalesced(windowMicroseconds: window)
        case 2 where window == 0:
            writes = .every
        case 2:
            throw ThalwegError(
                .invalidOptions, "writes mode every has a window of \(window) µs",
                advice: "leave the window out")
        default:
            throw ThalwegError(.invalidOptions, "writes mode \(writesTag) is unknown")
        }
        let historyTag = try reader.integer(UInt8.self)
        let bound = try reader.integer(UInt64.self)
        switch historyTag {
        case 0 where bound == 0: history = .none
        case 1: history = .count(bound)
        case 2: history = .microseconds(bound)
        case 3 where bound == 0: history = .forever
        default:
            throw ThalwegError(
                .invalidOptions, "history mode \(historyTag) with bound \(bound) is unknown")
        }
        timeToLiveMicroseconds = try reader.integer()
        tombstoneRetentionMicroseconds = try reader.integer()
    }
}

/// What a topic is: its name, what its keys and rows are, and how it treats writes.
public struct TopicDefinition: Hashable, Sendable {
    public var name: String
    public var keyKind: KeyKind
    /// `nil` for a topic of kind `bytes`, whose value is opaque.
    public var schema: Schema?
    public var options: TopicOptions

    public init(
        name: String, keyKind: KeyKind, schema: Schema?, options: TopicOptions = TopicOptions()
    ) {
        self.name = name
        self.keyKind = keyKind
        self.schema = schema
        self.options = options
    }

    // Encoded: text name, u8 key kind, u8 has schema (0 or 1), [schema], options.

    public func encode(into writer: inout ByteWriter) {
        writer.text(name)
        writer.integer(keyKind.rawValue)
        writer.integer(UInt8(schema == nil ? 0 : 1))
        schema?.encode(into: &writer)
        options.encode(into: &writer)
    }

    public init(from reader: inout ByteReader) throws(ThalwegError) {
        name = try reader.text()
        try Name.check(name, of: "topic")
        let kind = try reader.integer(UInt8.self)
        guard let keyKind = KeyKind(rawValue: kind) else {
            throw ThalwegError(.invalidKey, "key kind \(kind) is unknown")
        }
        self.keyKind = keyKind
        switch try reader.integer(UInt8.self) {
        case 0: schema = nil
        case 1: schema = try Schema(from: &reader)
        case let tag: throw ThalwegError(.invalidSchema, "schema marker \(tag) is not 0 or 1")
        }
        options = try TopicOptions(from: &reader)
    }
}
