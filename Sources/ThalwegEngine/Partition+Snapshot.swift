// A partition's part of a snapshot: for each topic a header, then chunks of records, as
// `SnapshotWalk` describes them, then an end. Each is one block, handed to the log's snapshot
// writer as the event loop finds time.
//
//   u8 1 │ u32 topic │ u64 last offset │ u64 horizon │ u64 version floor │ i64 last time
//        │ u64 records │ definition
//   u8 2 │ chunk
//   u8 3 │ u32 topic
//   u8 5 │ u32 topic │ u64 first offset │ u32 changes, as a history chunk has them
//   u8 6 │ u32 topic │ sessions
//   u8 8 │ u32 topic │ u64 first offset │ u32 changes, which are in a file
//   u8 7 │ u32 topic │ i64 deployed at │ u64 inputs │ deployment │ array image
//   u8 4 │ u32 topic      dropped since: the log behind the snapshot says so
public import ThalwegModel

/// Where a partition's snapshot has got to.
public struct PartitionSnapshot {
    fileprivate var topics: [TopicID]
    fileprivate var isHeaderWritten = false
}

extension Partition {
    private enum Block {
        static let header: UInt8 = 1
        static let records: UInt8 = 2
        static let end: UInt8 = 3
        static let dropped: UInt8 = 4
        static let history: UInt8 = 5
        static let sessions: UInt8 = 6
        static let program: UInt8 = 7
        static let storedHistory: UInt8 = 8
    }

    /// Fixes the state as it is now; writes may go on at once.
    public func beginSnapshot() -> PartitionSnapshot {
        for topic in topicIDs {
            box(topic)?.state.beginSnapshot()
        }
        return PartitionSnapshot(topics: topicIDs.reversed())
    }

    /// The next block of about `limit` bytes; `nil` when the snapshot is complete.
    public func nextBlock(_ snapshot: inout PartitionSnapshot, limit: Int) -> [UInt8]? {
        while let topic = snapshot.topics.last {
            guard let box = box(topic), let walk = box.state.snapshot else {
                snapshot.topics.removeLast()
                if snapshot.isHeaderWritten {
                    snapshot.isHeaderWritten = false
                    // Of a topic that is gone not every record was written: windows before the
                    // drop must not meet the half of it.
                    return closing(self.box(topic) == nil ? Block.dropped : Block.end, topic)
                }
                continue
            }
            if !snapshot.isHeaderWritten {
                snapshot.isHeaderWritten = true
                var writer = ByteWriter(reserving: 256)
                writer.integer(Block.header)
                writer.integer(topic.rawValue)
                writer.integer(walk.end)
                writer.integer(walk.horizon)
                writer.integer(walk.versionFloor)
                writer.integer(walk.time)
                writer.integer(UInt64(walk.records))
                walk.definition.encode(into: &writer)
                return writer.bytes
            }
            if let part = walk.history.popLast() {
                let isInFile =
                    part.chunk.isStored && part.count == part.chunk.count && !snapshotsHoldHistories
                var writer = ByteWriter(reserving: isInFile ? 32 : part.bytes + 32)
                writer.integer(isInFile ? Block.storedHistory : Block.history)
                writer.integer(topic.rawValue)
                writer.integer(part.chunk.firstOffset)
                writer.integer(UInt32(part.count))
                if isInFile { return writer.bytes }
                writer.raw(part.chunk.contents.prefix(part.bytes))
                return writer.bytes
            }
            if let sessions = walk.sessions, sessions.count > 0 {
                walk.sessions = nil
                var writer = ByteWriter(reserving: 4_096)
                writer.integer(Block.sessions)
                writer.integer(topic.rawValue)
                sessions.encode(into: &writer)
                return writer.bytes
            }
            if let program = walk.program {
                walk.program = nil
                var writer = ByteWriter(reserving: program.image.count + 4_096)
                writer.integer(Block.program)
                writer.integer(topic.rawValue)
                program.encode(into: &writer)
                return writer.bytes
            }
            if let chunk = box.state.nextSnapshotChunk(limit: limit) {
                return [Block.records] + chunk
            }
            box.state.endSnapshot()
        }
        return nil
    }

    /// Comes before `nextBlock` where snapshots hold histories: what it copies may lie in a file.
    ///
    /// - Throws: `log_damaged` where that is not what was written: there is no such snapshot then.
    public func checkNextBlock(_ snapshot: PartitionSnapshot) throws(ThalwegError) {
        guard snapshotsHoldHistories, snapshot.isHeaderWritten, let topic = snapshot.topics.last,
            let part = box(topic)?.state.snapshot?.history.last
        else { return }
        try part.chunk.check()
    }

    private func closing(_ kind: UInt8, _ topic: TopicID) -> [UInt8] {
        var writer = ByteWriter()
        writer.integer(kind)
        writer.integer(topic.rawValue)
        return writer.bytes
    }

    /// Gives the snapshot up.
    public func abandonSnapshot() {
        for topic in topicIDs {
            box(topic)?.state.endSnapshot()
        }
    }

    /// The topic that a block belongs to: whoever loads a snapshot routes by it.
    public static func topic(ofBlock block: UnsafeRawBufferPointer) throws(ThalwegError) -> TopicID
    {
        var reader = ByteReader(block)
        _ = try reader.integer(UInt8.self)
        return TopicID(try reader.integer())
    }

    /// Puts one block back. Blocks come in the order they were written, into an empty partition.
    public func load(block: UnsafeRawBufferPointer) throws(ThalwegError) {
        var reader = ByteReader(block)
        let kind = try reader.integer(UInt8.self)
        let topic = TopicID(try reader.integer())
        switch kind {
        case Block.header:
            let last = try reader.integer(UInt64.self)
            let horizon = try reader.integer(UInt64.self)
            let versionFloor = try reader.integer(UInt64.self)
            let time = try reader.integer(Int64.self)
            let records = try reader.integer(UInt64.self)
            let definition = try TopicDefinition(from: &reader)
            try restore(
                topic, definition, last: last, horizon: horizon, versionFloor: versionFloor,
                time: time)
            // A hint: what was written is bounded, so a wrong one costs memory or time, no more.
            box(topic)?.state.table.index.reserve(Int(min(records, 1 << 28)))
        case Block.records:
            let box = try required(topic)
            try box.load?.load(&reader, into: &box.state)
        case Block.history:
            let box = try required(topic)
            let first = try reader.integer(UInt64.self)
            let count = Int(try reader.integer(UInt32.self))
            let contents = try reader.bytes(reader.remaining)
            try box.state.history.restore(
                try HistoryChunk(
                    firstOffset: first, count: count, contents: contents,
                    room: limits.historyChunkBytes))
            storeLoadedHistory(topic)
        case Block.storedHistory:
            try loadStored(topic, &reader)
        case Block.sessions:
            let box = try required(topic)
            box.state.sessions = try SessionTable(from: &reader)
        case Block.program:
            try required(topic).state.restore(try ProgramSnapshot(from: &reader), programs)
        case Block.end:
            let box = try required(topic)
            try box.load?.finish(into: &box.state)
            box.load = nil
            box.state.finishRestore(
                last: box.restoredLast, horizon: box.restoredHorizon,
                versionFloor: box.restoredVersionFloor)
        case Block.dropped:
            forget(topic)
        default:
            throw TopicState.strangeEntry("a snapshot block of kind \(kind)")
        }
        try reader.finish()
    }

    /// A snapshot's topic that was dropped before it was complete.
    private func forget(_ topic: TopicID) {
        topics[topic.rawValue] = nil
    }

    private func loadStored(
        _ topic: TopicID, _ reader: inout ByteReader
    ) throws(ThalwegError) {
        let name = HistoryName(topic: topic, firstOffset: Offset(try reader.integer()))
        let count = Int(try reader.integer(UInt32.self))
        guard let stored = try historyLibrary?.open(name), stored.positions.count == count else {
            throw ThalwegError(
                .logDamaged,
                "the snapshot names \(count) changes of topic \(topic) from offset "
                    + "\(name.firstOffset), which are not there",
                advice: "restore the data directory from a backup")
        }
        try required(topic).state.history.restore(
            HistoryChunk(firstOffset: name.firstOffset.rawValue, stored))
    }
}
