// An exact snapshot of a topic at one place in the log, taken while writes go on.
//
// The walk goes forward through the change index up to the offset `end` that was the newest when
// it began. A record that is about to change before the walk has reached it is written down first,
// as it was (`captured`); after the change its offset is beyond `end`, so the walk does not meet
// it again. A change of membership leaves the offset as it is, so the walk meets such a record a
// second time, and whoever loads the snapshot keeps the first.
import ThalwegModel

/// Where a topic's snapshot has got to; held by the topic alone.
final class SnapshotWalk {
    /// Every live entry up to here is written.
    var position: UInt64 = 0
    let end: UInt64
    let horizon: UInt64
    let versionFloor: UInt64
    /// The topic's time and definition when the walk began; both may go on before it is written.
    let time: Int64
    let definition: TopicDefinition
    /// Records then, for whoever loads the snapshot to make room.
    let records: Int
    /// Records as they were before a change, encoded.
    var captured = EntryWriter()
    var capturedCount = 0
    /// Records captured at a change of membership: they keep their offset, so the walk meets them
    /// again.
    var keptOffsets: Set<UInt64> = []
    /// The table that the walk is of, where a truncation has replaced it since.
    var frozen: FrozenTable?
    /// Chunks of the history, each with the changes that it had; those written are taken away.
    var history: [(chunk: HistoryChunk, count: Int, bytes: Int)] = []
    /// Until they are written.
    var sessions: SessionTable?
    /// The program as it was, until it is written.
    var program: ProgramSnapshot?

    init(_ table: borrowing Table, time: Int64, definition: TopicDefinition) {
        end = table.changes.last
        horizon = table.horizon
        versionFloor = table.versionFloor
        records = table.changes.live
        self.time = time
        self.definition = definition
    }
}

extension TopicState {
    mutating func beginSnapshot() {
        snapshot = SnapshotWalk(table, time: appliedTime, definition: definition)
        snapshot?.history = history.chunks.reversed().map { ($0, $0.count, $0.used) }
        snapshot?.sessions = sessions
        snapshot?.program = program.map { program in
            ProgramSnapshot(
                deployment: program.deployment, deployedAt: program.deployedAt, inputs: inputs,
                image: program.running.image())
        }
    }

    // Mutating only so that the state is not copied for the call.
    @inline(never) mutating func capture(
        _ slot: UInt32, for walk: SnapshotWalk, keepsOffset: Bool
    ) {
        let record = table.record(slot)
        let offset = record.lastChange
        guard offset > walk.position, offset <= walk.end else { return }
        if !walk.keptOffsets.isEmpty, walk.keptOffsets.contains(offset) { return }
        if keepsOffset { walk.keptOffsets.insert(offset) }
        encodeSnapshot(record, into: &walk.captured)
        walk.capturedCount += 1
    }

    /// The next chunk of about `limit` bytes; `nil` when the topic is complete.
    ///
    /// chunk  = u32 topic │ u32 count, captured record × count │ u32 count, record × count
    /// record = u64 offset │ u64 version │ u8 state (1 live, 2 tombstone) │ u8 reason │ i64 deleted at
    ///          │ key │ u16 sources, u16 × n │ u32 length, row
    mutating func nextSnapshotChunk(limit: Int) -> [UInt8]? {
        guard let walk = snapshot else { return nil }
        if let frozen = walk.frozen { exchange(frozen) }
        defer { if let frozen = walk.frozen { exchange(frozen) } }
        if walk.position >= walk.end, walk.capturedCount == 0 { return nil }
        snapshotWriter.removeAll()
        snapshotWriter.reserve(16 + walk.captured.count)
        snapshotWriter.integer(id.rawValue)
        snapshotWriter.integer(UInt32(walk.capturedCount))
        snapshotWriter.raw(walk.captured.written)
        walk.captured.removeAll()
        walk.capturedCount = 0
        let countPosition = snapshotWriter.count
        snapshotWriter.integer(UInt32(0))
        let (count, reached) = encodeRecords(walk, limit: limit)
        walk.position = reached
        snapshotWriter.patch(UInt32(count), at: countPosition)
        return snapshotWriter.bytes()
    }

    /// Puts the table that a truncation has replaced in its old place, or back. Source sets are the
    /// topic's all the time.
    private mutating func exchange(_ frozen: FrozenTable) {
        swap(&table, &frozen.table)
        swap(&table.sources, &frozen.table.sources)
    }

    private mutating func encodeRecords(
        _ walk: SnapshotWalk, limit: Int
    ) -> (count: Int, reached: UInt64) {
        var count = 0
        var reached = walk.end
        // Out of the state while its records are walked.
        var writer = EntryWriter()
        swap(&writer, &snapshotWriter)
        table.walk(after: walk.position) { offset, slot in
            guard offset <= walk.end else { return false }
            guard writer.count < limit else {
                reached = offset - 1
                return false
            }
            let record = table.record(slot)
            let isWritten = !walk.keptOffsets.isEmpty && walk.keptOffsets.contains(offset)
            if record.isLast(offset), !isWritten {
                encodeSnapshot(record, into: &writer)
                count += 1
            }
            return true
        }
        swap(&writer, &snapshotWriter)
        return (count, reached)
    }

    mutating func endSnapshot() {
        snapshot = nil
    }

    private func encodeSnapshot(_ record: Record, into writer: inout EntryWriter) {
        let offset = record.lastChange
        let key = table.shape.key(record)
        let row = table.shape.row(record)
        let word = sources(record)
        let members = SourceSets.isMask(word) ? [] : table.sources.members(word)
        writer.reserve(64 + key.count + row.count + 2 * max(64, members.count))
        writer.integer(offset)
        writer.integer(record.version)
        writer.integer(UInt8(record.state))
        writer.integer(record.reason)
        writer.integer(record.isLive ? 0 : table.tombstones.time(of: offset) ?? appliedTime)
        writer.raw(key)
        if SourceSets.isMask(word) {
            writer.integer(UInt16(word.nonzeroBitCount))
            table.sources.forEachOfMask(word) { writer.integer($0) }
        } else {
            writer.integer(UInt16(members.count))
            for source in members {
                writer.integer(source)
            }
        }
        writer.integer(UInt32(row.count))
        writer.raw(row)
    }
}
