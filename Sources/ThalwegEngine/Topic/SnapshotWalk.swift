// An exact snapshot of a topic at one place in the log, taken while writes go on: a walk whose records
// are written down. Those that were about to change come first in their chunk (`captured`); one that
// changed in its membership alone would have been met again, and is not written twice.
import ThalwegModel

/// Where a topic's snapshot has got to; held by the topic alone.
final class SnapshotWalk: TopicWalk {
    let horizon: UInt64
    let versionFloor: UInt64
    /// The topic's time and definition when the walk began; both may go on before it is written.
    let time: Int64
    let definition: TopicDefinition
    /// Records then, for whoever loads the snapshot to make room.
    let records: Int
    /// Records as they were before a change, encoded.
    private var captured = EntryWriter()
    private var capturedCount = 0
    /// The chunk that is being written, how many records of the walk are in it, and how large it gets.
    private var chunk = EntryWriter()
    private var chunkCount = 0
    private var chunkLimit = 0
    /// Records that may still be looked at for this chunk.
    @exclusivity(unchecked) private var looksLeft = 0
    /// Of all for one chunk: those that changed since and what is free cost time too, and no bytes, and
    /// the topic's loop does nothing else until the chunk is full.
    static let looksPerChunk = 1 << 14
    /// Chunks of the history, each with the changes that it had; those written are taken away.
    var history: [(chunk: HistoryChunk, count: Int, bytes: Int)] = []
    /// Until they are written.
    var sessions: SessionTable?
    /// The program as it was, until it is written.
    var program: ProgramSnapshot?

    init(_ table: borrowing Table, time: Int64, definition: TopicDefinition) {
        horizon = table.horizon
        versionFloor = table.versionFloor
        records = table.changes.live
        self.time = time
        self.definition = definition
        super.init(table)
    }

    override func goesOn() -> Bool {
        looksLeft -= 1
        return looksLeft >= 0 && chunk.count < chunkLimit
    }

    override func take(_ record: Record, of state: borrowing TopicState, isCaptured: Bool) {
        if isCaptured {
            state.encodeSnapshot(record, into: &captured)
            capturedCount += 1
        } else {
            state.encodeSnapshot(record, into: &chunk)
            chunkCount += 1
        }
    }

    /// Every record is in a chunk that was given.
    var isWritten: Bool { isThrough && capturedCount == 0 }

    /// The next chunk, of about `limit` bytes or less.
    ///
    /// chunk  = u32 topic │ u32 count, captured record × count │ u32 count, record × count
    /// record = u64 offset │ u64 version │ u8 state (1 live, 2 tombstone) │ u8 reason │ i64 deleted at
    ///          │ key │ u16 sources, u16 × n │ u32 length, row
    func nextChunk(of topic: TopicID, limit: Int, _ goOn: () -> Void) -> [UInt8] {
        chunk.removeAll()
        chunk.reserve(16 + captured.count)
        chunk.integer(topic.rawValue)
        chunk.integer(UInt32(capturedCount))
        chunk.raw(captured.written)
        captured.removeAll()
        capturedCount = 0
        let countPosition = chunk.count
        chunk.integer(UInt32(0))
        chunkCount = 0
        chunkLimit = limit
        looksLeft = SnapshotWalk.looksPerChunk
        goOn()
        chunk.patch(UInt32(chunkCount), at: countPosition)
        return chunk.bytes()
    }
}

extension TopicState {
    mutating func beginSnapshot() {
        // One that was given up.
        endSnapshot()
        let walk = SnapshotWalk(table, time: appliedTime, definition: definition)
        walk.history = history.chunks.reversed().map { ($0, $0.count, $0.used) }
        walk.sessions = sessions
        walk.program = program.map { program in
            ProgramSnapshot(
                deployment: program.deployment, deployedAt: program.deployedAt, inputs: inputs,
                image: program.running.image())
        }
        snapshot = walk
        begin(walk)
    }

    /// The next chunk of about `limit` bytes; `nil` when the topic is complete.
    mutating func nextSnapshotChunk(limit: Int) -> [UInt8]? {
        guard let walk = snapshot, !walk.isWritten else { return nil }
        return walk.nextChunk(of: id, limit: limit) { goOn(walk) }
    }

    mutating func endSnapshot() {
        guard let walk = snapshot else { return }
        snapshot = nil
        end(walk)
    }

    func encodeSnapshot(_ record: Record, into writer: inout EntryWriter) {
        let offset = record.lastChange
        let key = table.shape.key(record)
        let row = table.shape.row(record)
        table.sources.withMembers(sources(record)) { members in
            writer.reserve(64 + key.count + row.count + 2 * members.count)
            writer.integer(offset)
            writer.integer(record.version)
            writer.integer(UInt8(record.state))
            writer.integer(record.reason)
            writer.integer(record.isLive ? 0 : table.tombstones.time(of: offset) ?? appliedTime)
            writer.raw(key)
            writer.integer(UInt16(members.count))
            for source in members { writer.integer(source) }
        }
        writer.integer(UInt32(row.count))
        writer.raw(row)
    }
}
