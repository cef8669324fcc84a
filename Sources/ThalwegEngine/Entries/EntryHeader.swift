// An entry of the log: what every node applies, in order. Little-endian.
//
//   u8 format (1) │ u8 kind │ u16 0 │ u32 topic │ i64 time (µs since 1970) │ body
//
// The time is the leader's when it cut the entry and never goes back within a topic; it is the only
// clock that applying knows.
public import ThalwegModel

/// What an entry does.
public enum EntryKind: UInt8, Sendable {
    /// The net changes of one window of one topic.
    case window = 1
    /// `TopicDefinition`: the topic comes to be.
    case createTopic = 2
    /// `TopicDefinition` with fields appended or options changed.
    case alterTopic = 3
    /// The topic, its records and its number are gone.
    case dropTopic = 4
    /// Every record is deleted; offsets go on.
    case truncateTopic = 5
    /// A source got its identity or another deadline: u16 identity, text name, u32 deadline in
    /// milliseconds, u64 × 2 owner. The topic is 0.
    case registerSource = 6
    /// A source's identity is free again; nothing asserts as it any more: u16 source. The topic is
    /// 0.
    case retractSource = 7
    /// Batches of writes to a topic that keeps every one, as they came.
    case stream = 8
    /// `ProgramDeployment`: the topic's writes go through a program from here on.
    case deployProgram = 9
    /// The topic has no program any more.
    case removeProgram = 10
    /// `LogMark`: changes nothing. It is a place in the log, up to which a reader wants to see, or
    /// at which every node looks what its topic's state comes to.
    case mark = 11
    /// `StateCheck`: what the leader's state came to at a mark.
    case stateCheck = 12

    /// Who cuts the entry is the loop of the topic's partition; others are the catalog's.
    public var isOfPartition: Bool {
        switch self {
        case .window, .stream, .truncateTopic, .deployProgram, .removeProgram, .mark, .stateCheck:
            true
        case .createTopic, .alterTopic, .dropTopic, .registerSource, .retractSource: false
        }
    }
}

/// The part in front of each entry's body.
public struct EntryHeader: Sendable {
    public static let size = 16
    static let format: UInt8 = 1

    public var kind: EntryKind
    public var topic: TopicID
    public var time: Timestamp

    public init(kind: EntryKind, topic: TopicID, time: Timestamp) {
        self.kind = kind
        self.topic = topic
        self.time = time
    }

    /// Throws `log_damaged`: an entry passed its checksum and is still not one of ours.
    public init(from reader: inout ByteReader) throws(ThalwegError) {
        let format = try reader.integer(UInt8.self)
        let kind = try reader.integer(UInt8.self)
        let reserved = try reader.integer(UInt16.self)
        guard format == EntryHeader.format, reserved == 0, let kind = EntryKind(rawValue: kind)
        else {
            throw ThalwegError(
                .logDamaged, "an entry of format \(format) and kind \(kind) is unknown",
                advice: "run the version of thalweg that wrote this log, or a newer one")
        }
        self.kind = kind
        topic = TopicID(try reader.integer())
        time = Timestamp(microseconds: try reader.integer())
    }

    public func encode(into writer: inout ByteWriter) {
        writer.integer(EntryHeader.format)
        writer.integer(kind.rawValue)
        writer.integer(UInt16(0))
        writer.integer(topic.rawValue)
        writer.integer(time.microseconds)
    }

    /// An entry with this header and the body that `body` writes.
    public func entry(_ body: (inout ByteWriter) -> Void) -> [UInt8] {
        var writer = ByteWriter(reserving: 64)
        encode(into: &writer)
        body(&writer)
        return writer.bytes
    }
}
