public import ThalwegModel

/// A place in a topic's history: `u8 kind (0 earliest, 1 offset, 2 time, 3 newest) | u64 value`, the
/// value zero where there is none.
public enum HistoryPoint: Hashable, Sendable {
    /// Behind nothing: in front of the oldest change that is kept.
    case earliest
    /// Behind the change with this offset.
    case offset(Offset)
    /// Behind all changes that were committed at this time or earlier.
    case time(Timestamp)
    /// Behind the newest change.
    case newest

    func encode(into writer: inout ByteWriter) {
        switch self {
        case .earliest:
            writer.integer(UInt8(0))
            writer.integer(UInt64(0))
        case .offset(let offset):
            writer.integer(UInt8(1))
            writer.integer(offset.rawValue)
        case .time(let time):
            writer.integer(UInt8(2))
            writer.integer(time.microseconds)
        case .newest:
            writer.integer(UInt8(3))
            writer.integer(UInt64(0))
        }
    }

    init(from reader: inout ByteReader) throws(ThalwegError) {
        let kind = try reader.integer(UInt8.self)
        let value = try reader.integer(UInt64.self)
        switch kind {
        case 0 where value == 0: self = .earliest
        case 1: self = .offset(Offset(value))
        case 2: self = .time(Timestamp(microseconds: Int64(bitPattern: value)))
        case 3 where value == 0: self = .newest
        default:
            throw ThalwegError(
                .invalidFrame, "a place in the history of kind \(kind) and value \(value)")
        }
    }
}

/// Reads changes of a topic's history, answered by `historyPage`, whose payload is that of `changes`:
/// where it is not *caught up*, the next page begins behind its resume offset.
///
/// `u32 topic | u64 not before | point after | point until | u32 limit | array key | text filter |`
/// `u64 fields | u8 flags (1 include previous)`
public struct HistoryRequest: Message {
    public static var frameType: FrameType { .history }

    public var topic: TopicID
    /// The answer is from a state that has at least this offset.
    public var notBefore: Offset
    public var after: HistoryPoint
    public var until: HistoryPoint
    /// Changes wanted at most; 0 for as many as fit.
    public var limit: UInt32
    /// One key, encoded, or empty for all.
    public var key: [UInt8]
    public var filter: String
    /// Updates of other fields are not told.
    public var fields: UInt64
    public var includesPrevious: Bool

    public init(
        _ topic: TopicID, after: HistoryPoint = .earliest, until: HistoryPoint = .newest,
        limit: UInt32 = 0, key: [UInt8] = [], filter: String = "", fields: UInt64 = .max,
        includesPrevious: Bool = false, notBefore: Offset = .start
    ) {
        self.topic = topic
        self.notBefore = notBefore
        self.after = after
        self.until = until
        self.limit = limit
        self.key = key
        self.filter = filter
        self.fields = fields
        self.includesPrevious = includesPrevious
    }

    public func check() throws(ThalwegError) {
        try checkText(filter, "the filter")
    }

    public func encode(into writer: inout ByteWriter) {
        writer.integer(topic.rawValue)
        writer.integer(notBefore.rawValue)
        after.encode(into: &writer)
        until.encode(into: &writer)
        writer.integer(limit)
        writer.byteArray(key)
        writer.text(filter)
        writer.integer(fields)
        writer.flag(includesPrevious)
    }

    public init(from reader: inout ByteReader) throws(ThalwegError) {
        topic = TopicID(try reader.integer())
        notBefore = Offset(try reader.integer())
        after = try HistoryPoint(from: &reader)
        until = try HistoryPoint(from: &reader)
        limit = try reader.integer()
        key = try reader.byteArray()
        filter = try reader.text()
        fields = try reader.integer()
        includesPrevious = try reader.flag("include previous")
        try reader.finish()
    }
}

/// Reads the net change of each key between two places, answered by `differencePage`, whose payload
/// is that of `changes`: where it is not *caught up* it tells the difference up to its resume
/// offset, and the rest is asked for from there.
///
/// `u32 topic | u64 not before | point from | point until | text filter | u64 fields`
public struct DifferenceRequest: Message {
    public static var frameType: FrameType { .difference }

    public var topic: TopicID
    /// The answer is from a state that has at least this offset.
    public var notBefore: Offset
    public var from: HistoryPoint
    public var until: HistoryPoint
    public var filter: String
    public var fields: UInt64

    public init(
        _ topic: TopicID, from: HistoryPoint, until: HistoryPoint, filter: String = "",
        fields: UInt64 = .max, notBefore: Offset = .start
    ) {
        self.topic = topic
        self.notBefore = notBefore
        self.from = from
        self.until = until
        self.filter = filter
        self.fields = fields
    }

    public func check() throws(ThalwegError) {
        try checkText(filter, "the filter")
    }

    public func encode(into writer: inout ByteWriter) {
        writer.integer(topic.rawValue)
        writer.integer(notBefore.rawValue)
        from.encode(into: &writer)
        until.encode(into: &writer)
        writer.text(filter)
        writer.integer(fields)
    }

    public init(from reader: inout ByteReader) throws(ThalwegError) {
        topic = TopicID(try reader.integer())
        notBefore = Offset(try reader.integer())
        from = try HistoryPoint(from: &reader)
        until = try HistoryPoint(from: &reader)
        filter = try reader.text()
        fields = try reader.integer()
        try reader.finish()
    }
}

/// Reads records as they were, answered by `statePage`, whose payload is that of `scanPage`: the
/// records of the keys, in their order, or where there are no keys a page of all that match.
///
/// `u32 topic | u64 not before | point at | u8 order | text filter | u32 limit | array resume token |`
/// `u32 count | key × count`
public struct StateRequest: Message {
    public static var frameType: FrameType { .stateAt }

    public var topic: TopicID
    /// The answer is from a state that has at least this offset.
    public var notBefore: Offset
    public var point: HistoryPoint
    /// Of a page: by change for none in particular.
    public var order: ScanOrder
    public var filter: String
    /// Records wanted at most; 0 for as many as fit.
    public var limit: UInt32
    /// What the page before gave; empty to start.
    public var resumeToken: [UInt8]
    public var count: UInt32
    public var encodedKeys: [UInt8]

    /// A page of all records that match.
    public init(
        _ topic: TopicID, at point: HistoryPoint, order: ScanOrder = .change,
        filter: String = "", limit: UInt32 = 0, resumeToken: [UInt8] = [],
        notBefore: Offset = .start
    ) {
        self.topic = topic
        self.notBefore = notBefore
        self.point = point
        self.order = order
        self.filter = filter
        self.limit = limit
        self.resumeToken = resumeToken
        count = 0
        encodedKeys = []
    }

    /// The records of these keys. Throws `invalid_key` where one cannot be encoded.
    public init(
        _ topic: TopicID, at point: HistoryPoint, keys: [Key], notBefore: Offset = .start
    ) throws(ThalwegError) {
        self.init(topic, at: point, notBefore: notBefore)
        count = UInt32(keys.count)
        for key in keys { encodedKeys += try key.encoded() }
    }

    /// The keys, decoded. Throws where they are not exactly `count` keys of this kind.
    public func keys(_ kind: KeyKind) throws(ThalwegError) -> [Key] {
        let result = encodedKeys.withUnsafeBytes { bytes in
            Result { () throws(ThalwegError) -> [Key] in
                var reader = ByteReader(bytes)
                var keys: [Key] = []
                for _ in 0..<count { keys.append(try Key(kind, from: &reader)) }
                try reader.finish()
                return keys
            }
        }
        return try result.get()
    }

    public func check() throws(ThalwegError) {
        try checkText(filter, "the filter")
    }

    public func encode(into writer: inout ByteWriter) {
        writer.integer(topic.rawValue)
        writer.integer(notBefore.rawValue)
        point.encode(into: &writer)
        writer.integer(order.rawValue)
        writer.text(filter)
        writer.integer(limit)
        writer.byteArray(resumeToken)
        writer.integer(count)
        writer.raw(encodedKeys)
    }

    public init(from reader: inout ByteReader) throws(ThalwegError) {
        topic = TopicID(try reader.integer())
        notBefore = Offset(try reader.integer())
        point = try HistoryPoint(from: &reader)
        order = try reader.choice(ScanOrder.self, "scan order")
        filter = try reader.text()
        limit = try reader.integer()
        resumeToken = try reader.byteArray()
        count = UInt32(try reader.count(ofAtLeast: 1, "keys"))
        encodedKeys = Array(try reader.bytes(reader.remaining))
        guard count > 0 || encodedKeys.isEmpty else {
            throw ThalwegError(.invalidFrame, "bytes are left over behind no keys")
        }
    }
}
