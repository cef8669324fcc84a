public import ThalwegModel

/// Asks for the ``SessionInfo`` of the connection's session in a topic: `u32 topic`.
public struct DescribeSession: Message {
    public static var frameType: FrameType { .describeSession }

    public var topic: TopicID

    public init(_ topic: TopicID) {
        self.topic = topic
    }

    public func encode(into writer: inout ByteWriter) {
        writer.integer(topic.rawValue)
    }

    public init(from reader: inout ByteReader) throws(ThalwegError) {
        topic = TopicID(try reader.integer())
        try reader.finish()
    }
}

/// What a topic knows of a session: `u64 next number`.
public struct SessionInfo: Message {
    public static var frameType: FrameType { .sessionInfo }

    /// Of the write that the topic expects next: all before it are committed. 1 where the topic
    /// does not know the session.
    public var next: UInt64

    public init(next: UInt64) {
        self.next = next
    }

    public func encode(into writer: inout ByteWriter) {
        writer.integer(next)
    }

    public init(from reader: inout ByteReader) throws(ThalwegError) {
        next = try reader.integer()
        try reader.finish()
    }
}
