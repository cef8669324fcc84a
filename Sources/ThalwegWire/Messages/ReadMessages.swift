public import ThalwegModel

/// Reads records by key: `u32 topic | u64 not before | u32 count | encoded key × count`.
///
/// The keys' lengths depend on the topic's key kind, so they stay encoded until the topic is known:
/// walk them with ``KeyCursor``.
public struct GetRequest: Message {
    public static var frameType: FrameType { .get }

    public var topic: TopicID
    /// Wait until this offset is applied; `start` for the newest state as it is.
    public var notBefore: Offset
    public var count: UInt32
    public var encodedKeys: [UInt8]

    /// Throws `invalid_key` where a key cannot be encoded.
    public init(_ topic: TopicID, keys: [Key], notBefore: Offset = .start) throws(ThalwegError) {
        self.topic = topic
        self.notBefore = notBefore
        count = UInt32(keys.count)
        encodedKeys = []
        for key in keys { encodedKeys += try key.encoded() }
    }

    public func encode(into writer: inout ByteWriter) {
        writer.integer(topic.rawValue)
        writer.integer(notBefore.rawValue)
        writer.integer(count)
        writer.raw(encodedKeys)
    }

    public init(from reader: inout ByteReader) throws(ThalwegError) {
        let head = try GetHead(from: &reader)
        topic = head.topic
        notBefore = head.notBefore
        count = head.count
        encodedKeys = Array(try reader.bytes(reader.remaining))
    }

    /// The keys, decoded. Throws where they are not exactly `count` keys of this kind.
    public func keys(_ kind: KeyKind) throws(ThalwegError) -> [Key] {
        var keys: [Key] = []
        var failure: ThalwegError?
        encodedKeys.withUnsafeBytes { bytes in
            do throws(ThalwegError) {
                var reader = ByteReader(bytes)
                for _ in 0..<count { keys.append(try Key(kind, from: &reader)) }
                try reader.finish()
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return keys
    }
}

/// The fixed part of a ``GetRequest``, for a server that reads the keys where they lie.
public struct GetHead: Hashable, Sendable {
    public var topic: TopicID
    public var notBefore: Offset
    public var count: UInt32

    /// Leaves the reader at the first key. A count that the bytes left cannot hold is refused.
    public init(from reader: inout ByteReader) throws(ThalwegError) {
        topic = TopicID(try reader.integer())
        notBefore = Offset(try reader.integer())
        count = UInt32(try reader.count(ofAtLeast: 1, "keys"))
    }
}

/// In which order a scan gives records.
public enum ScanOrder: UInt8, Hashable, Sendable, CaseIterable {
    /// By last change: the cheapest.
    case change = 0
    /// By key, ascending: numbers by value, texts and bytes byte by byte.
    case key = 1
}

/// Reads a page of matching records.
///
/// `u32 topic | u64 not before | u8 order | text filter | u32 limit | u32 length, resume token`
public struct ScanRequest: Message {
    public static var frameType: FrameType { .scan }

    public var topic: TopicID
    public var notBefore: Offset
    public var order: ScanOrder
    /// The filter language; empty for all.
    public var filter: String
    /// Records wanted at most; the page may have fewer.
    public var limit: UInt32
    /// What the page before gave; empty to start.
    public var resumeToken: [UInt8]

    public init(
        _ topic: TopicID,
        order: ScanOrder = .change,
        filter: String = "",
        limit: UInt32,
        resumeToken: [UInt8] = [],
        notBefore: Offset = .start
    ) {
        self.topic = topic
        self.notBefore = notBefore
        self.order = order
        self.filter = filter
        self.limit = limit
        self.resumeToken = resumeToken
    }

    public func check() throws(ThalwegError) {
        try checkText(filter, "the filter")
    }

    public func encode(into writer: inout ByteWriter) {
        writer.integer(topic.rawValue)
        writer.integer(notBefore.rawValue)
        writer.integer(order.rawValue)
        writer.text(filter)
        writer.integer(limit)
        writer.byteArray(resumeToken)
    }

    public init(from reader: inout ByteReader) throws(ThalwegError) {
        topic = TopicID(try reader.integer())
        notBefore = Offset(try reader.integer())
        order = try reader.choice(ScanOrder.self, "scan order")
        filter = try reader.text()
        limit = try reader.integer()
        resumeToken = try reader.byteArray()
        try reader.finish()
    }
}

/// Counts matching records: `u32 topic | u64 not before | text filter`.
public struct CountRequest: Message {
    public static var frameType: FrameType { .count }

    public var topic: TopicID
    public var notBefore: Offset
    public var filter: String

    public init(_ topic: TopicID, filter: String = "", notBefore: Offset = .start) {
        self.topic = topic
        self.notBefore = notBefore
        self.filter = filter
    }

    public func check() throws(ThalwegError) {
        try checkText(filter, "the filter")
    }

    public func encode(into writer: inout ByteWriter) {
        writer.integer(topic.rawValue)
        writer.integer(notBefore.rawValue)
        writer.text(filter)
    }

    public init(from reader: inout ByteReader) throws(ThalwegError) {
        topic = TopicID(try reader.integer())
        notBefore = Offset(try reader.integer())
        filter = try reader.text()
        try reader.finish()
    }
}

/// Answers a ``CountRequest``: `u64 applied | u64 count`.
public struct Counted: Message {
    public static var frameType: FrameType { .counted }

    /// The offset at which this was true.
    public var applied: Offset
    public var count: UInt64

    public init(applied: Offset, count: UInt64) {
        self.applied = applied
        self.count = count
    }

    public func encode(into writer: inout ByteWriter) {
        writer.integer(applied.rawValue)
        writer.integer(count)
    }

    public init(from reader: inout ByteReader) throws(ThalwegError) {
        applied = Offset(try reader.integer())
        count = try reader.integer()
        try reader.finish()
    }
}
