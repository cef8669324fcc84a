public import ThalwegModel

/// A request about an epoch of the connection's source: `u32 topic`, 0 for all topics.
public protocol EpochMessage: Message {
    /// `nil` for all topics.
    var topic: TopicID? { get }
    init(_ topic: TopicID?)
}

extension EpochMessage {
    public func encode(into writer: inout ByteWriter) {
        writer.integer(topic?.rawValue ?? 0)
    }

    public init(from reader: inout ByteReader) throws(ThalwegError) {
        let number = try reader.integer(UInt32.self)
        try reader.finish()
        self.init(number == 0 ? nil : TopicID(number))
    }
}

/// Opens an epoch.
public struct EpochBegin: EpochMessage {
    public static var frameType: FrameType { .epochBegin }
    public var topic: TopicID?

    public init(_ topic: TopicID?) {
        self.topic = topic
    }
}

/// Closes an epoch: what was asserted before and not since is retracted.
public struct EpochEnd: EpochMessage {
    public static var frameType: FrameType { .epochEnd }
    public var topic: TopicID?

    public init(_ topic: TopicID?) {
        self.topic = topic
    }
}

/// Forgets an epoch.
public struct EpochAbandon: EpochMessage {
    public static var frameType: FrameType { .epochAbandon }
    public var topic: TopicID?

    public init(_ topic: TopicID?) {
        self.topic = topic
    }
}
