public import ThalwegModel

/// Creates a topic or appends fields to it.
public struct CreateTopic: Message {
    public static var frameType: FrameType { .createTopic }

    public var definition: TopicDefinition

    public init(_ definition: TopicDefinition) {
        self.definition = definition
    }

    public func check() throws(ThalwegError) {
        try Name.check(definition.name, of: "topic")
    }

    public func encode(into writer: inout ByteWriter) {
        definition.encode(into: &writer)
    }

    public init(from reader: inout ByteReader) throws(ThalwegError) {
        definition = try TopicDefinition(from: &reader)
        try reader.finish()
    }
}

/// A request that names a topic and says nothing else: `text name`.
public protocol TopicNameMessage: Message {
    var name: String { get }
    init(_ name: String)
}

extension TopicNameMessage {
    public func check() throws(ThalwegError) {
        try Name.check(name, of: "topic")
    }

    public func encode(into writer: inout ByteWriter) {
        writer.text(name)
    }

    public init(from reader: inout ByteReader) throws(ThalwegError) {
        let name = try reader.text()
        try Name.check(name, of: "topic")
        try reader.finish()
        self.init(name)
    }
}

/// Asks for a ``TopicInfo``.
public struct DescribeTopic: TopicNameMessage {
    public static var frameType: FrameType { .describeTopic }
    public var name: String

    public init(_ name: String) {
        self.name = name
    }
}

/// Deletes a topic with its records.
public struct DropTopic: TopicNameMessage {
    public static var frameType: FrameType { .dropTopic }
    public var name: String

    public init(_ name: String) {
        self.name = name
    }
}

/// Deletes a topic's records.
public struct TruncateTopic: TopicNameMessage {
    public static var frameType: FrameType { .truncateTopic }
    public var name: String

    public init(_ name: String) {
        self.name = name
    }
}

/// Asks for the ``TopicHashed`` of a topic's state.
public struct HashTopic: TopicNameMessage {
    public static var frameType: FrameType { .hashTopic }
    public var name: String

    public init(_ name: String) {
        self.name = name
    }
}

/// The hash of everything that a topic is, at an offset: `u64 offset | u64 hash`.
public struct TopicHashed: Message {
    public static var frameType: FrameType { .topicHashed }

    public var offset: Offset
    public var hash: UInt64

    public init(offset: Offset, hash: UInt64) {
        self.offset = offset
        self.hash = hash
    }

    public func encode(into writer: inout ByteWriter) {
        writer.integer(offset.rawValue)
        writer.integer(hash)
    }

    public init(from reader: inout ByteReader) throws(ThalwegError) {
        offset = Offset(try reader.integer())
        hash = try reader.integer()
        try reader.finish()
    }
}

/// Asks for a ``TopicList``.
public struct ListTopics: EmptyMessage {
    public static var frameType: FrameType { .listTopics }
    public init() {}
}

/// Changes a topic's options: `text name | options`.
public struct AlterTopic: Message {
    public static var frameType: FrameType { .alterTopic }

    public var name: String
    public var options: TopicOptions

    public init(_ name: String, options: TopicOptions) {
        self.name = name
        self.options = options
    }

    public func check() throws(ThalwegError) {
        try Name.check(name, of: "topic")
    }

    public func encode(into writer: inout ByteWriter) {
        writer.text(name)
        options.encode(into: &writer)
    }

    public init(from reader: inout ByteReader) throws(ThalwegError) {
        name = try reader.text()
        try Name.check(name, of: "topic")
        options = try TopicOptions(from: &reader)
        try reader.finish()
    }
}

/// A topic as the server holds it now.
///
/// `u32 id | definition | u64 last offset | u64 live records | u64 memory | u64 oldest resumable`
public struct TopicInfo: Message {
    public static var frameType: FrameType { .topicInfo }
    /// Bytes that the smallest one has.
    static let minimumSize = 64

    public var id: TopicID
    public var definition: TopicDefinition
    /// The offset of the newest change.
    public var lastOffset: Offset
    public var liveRecords: UInt64
    /// Bytes of records, index and pending window.
    public var memoryBytes: UInt64
    /// A subscription can resume from here or later; from before, it starts over.
    public var oldestResumableOffset: Offset

    public init(
        id: TopicID,
        definition: TopicDefinition,
        lastOffset: Offset,
        liveRecords: UInt64,
        memoryBytes: UInt64,
        oldestResumableOffset: Offset
    ) {
        self.id = id
        self.definition = definition
        self.lastOffset = lastOffset
        self.liveRecords = liveRecords
        self.memoryBytes = memoryBytes
        self.oldestResumableOffset = oldestResumableOffset
    }

    public func check() throws(ThalwegError) {
        try Name.check(definition.name, of: "topic")
    }

    public func encode(into writer: inout ByteWriter) {
        writer.integer(id.rawValue)
        definition.encode(into: &writer)
        writer.integer(lastOffset.rawValue)
        writer.integer(liveRecords)
        writer.integer(memoryBytes)
        writer.integer(oldestResumableOffset.rawValue)
    }

    public init(from reader: inout ByteReader) throws(ThalwegError) {
        try self.init(part: &reader)
        try reader.finish()
    }

    init(part reader: inout ByteReader) throws(ThalwegError) {
        id = TopicID(try reader.integer())
        definition = try TopicDefinition(from: &reader)
        lastOffset = Offset(try reader.integer())
        liveRecords = try reader.integer()
        memoryBytes = try reader.integer()
        oldestResumableOffset = Offset(try reader.integer())
    }
}

/// All topics: `u32 count | info × count`.
public struct TopicList: Message {
    public static var frameType: FrameType { .topicList }

    public var topics: [TopicInfo]

    public init(_ topics: [TopicInfo]) {
        self.topics = topics
    }

    public func check() throws(ThalwegError) {
        for topic in topics { try topic.check() }
    }

    public func encode(into writer: inout ByteWriter) {
        writer.integer(UInt32(topics.count))
        for topic in topics { topic.encode(into: &writer) }
    }

    public init(from reader: inout ByteReader) throws(ThalwegError) {
        let count = try reader.count(ofAtLeast: TopicInfo.minimumSize, "topics")
        topics = []
        topics.reserveCapacity(count)
        for _ in 0..<count { topics.append(try TopicInfo(part: &reader)) }
        try reader.finish()
    }
}
