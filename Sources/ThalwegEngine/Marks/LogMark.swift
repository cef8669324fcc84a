public import ThalwegModel

/// A place in the log, behind everything that was appended before: `u64 number | u8 wants hash`, which
/// is 0 or 2. Older logs have 1 for a hash of another kind, which nobody takes any more.
public struct LogMark: Hashable, Sendable {
    /// Tells its own node which of its marks this is.
    public let number: UInt64
    /// Every node that gets here begins to look what the topic's state comes to.
    public let wantsHash: Bool

    public init(_ number: UInt64, wantsHash: Bool = false) {
        self.number = number
        self.wantsHash = wantsHash
    }

    public func entry(_ topic: TopicID, time: Timestamp) -> [UInt8] {
        EntryHeader(kind: .mark, topic: topic, time: time).entry { writer in
            writer.integer(number)
            writer.integer(UInt8(wantsHash ? 2 : 0))
        }
    }

    init(from reader: inout ByteReader) throws(ThalwegError) {
        number = try reader.integer()
        let flag = try reader.integer(UInt8.self)
        guard flag <= 2 else { throw TopicState.strangeEntry("a mark with flag \(flag)") }
        wantsHash = flag == 2
    }
}

/// What a topic's state came to at a mark: `u64 number of the mark | u64 hash`.
public struct StateCheck: Hashable, Sendable {
    public let number: UInt64
    public let hash: UInt64

    public init(number: UInt64, hash: UInt64) {
        self.number = number
        self.hash = hash
    }

    public func entry(_ topic: TopicID, time: Timestamp) -> [UInt8] {
        EntryHeader(kind: .stateCheck, topic: topic, time: time).entry { writer in
            writer.integer(number)
            writer.integer(hash)
        }
    }

    init(from reader: inout ByteReader) throws(ThalwegError) {
        number = try reader.integer()
        hash = try reader.integer()
    }
}

/// Two states that should be one.
public struct StateDivergence: Hashable, Sendable {
    public let topic: TopicID
    public let own: UInt64
    public let leaders: UInt64

    init(_ topic: TopicID, _ hashes: (own: UInt64, leaders: UInt64)) {
        self.topic = topic
        own = hashes.own
        leaders = hashes.leaders
    }
}
