public import ThalwegModel

/// Where the bytes of a topic's state are. The parts add up to what ``Partition/bytes`` counts, for
/// a topic without history, sessions and program.
public struct TopicMemory: Hashable, Sendable {
    /// Records with header, key and row, rounded to their chunks.
    public var records = 0
    /// Chunks of records that were, kept for the next ones; part of `records`.
    public var freeRecords = 0
    public var keyIndex = 0
    public var changeIndex = 0
    public var tombstones = 0
    /// Pending entries and their rows, the memory of windows that are done included.
    public var windows = 0
    /// Memory that entries were written in, kept for the next ones.
    public var entries = 0

    public init() {}

    public var total: Int {
        records + keyIndex + changeIndex + tombstones + windows + entries
    }
}

extension Partition {
    /// What `topic` takes, part by part; `nil` where there is no such topic.
    public func memory(of topic: TopicID) -> TopicMemory? {
        box(topic)?.state.memory
    }

    /// To be called now and then: gives back the memory that topics keep for the next writes, where
    /// there was no window since the last call, and tells how much is left.
    public func rest() {
        for topic in topicIDs { box(topic)?.state.rest() }
        reportMemory()
    }

    /// Takes back the memory of a window's entry, when it is applied and nobody needs it.
    public func recycle(_ topic: TopicID, entry: [UInt8]) {
        box(topic)?.state.recycle(entry)
    }
}

extension TopicState {
    var memory: TopicMemory {
        var memory = TopicMemory()
        memory.records = table.slab.bytesUsed
        memory.freeRecords = table.slab.bytesFree
        memory.keyIndex = table.index.bytes
        memory.changeIndex = table.changes.bytes
        memory.tombstones = table.tombstones.bytes
        memory.windows = windowBytes
        memory.entries = spareEntryBytes
        return memory
    }
}
