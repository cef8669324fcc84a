// A snapshot's records on their way back into a table.
//
// Records go into slab and key index as they come, several at a time, so that the cache line of
// one is on its way while another is stored. The change index wants them in order of offset: walked
// records come in that order; a captured one comes before any walked record with a larger offset
// and waits in `WaitingRecords`, by number only, until its turn.
import CThalwegShims
import ThalwegModel

struct SnapshotLoad {
    /// A record as it lies in the snapshot.
    private struct Parsed {
        var offset: UInt64 = 0
        var version: UInt64 = 0
        var deletedAt: Int64 = 0
        var hash: UInt64 = 0
        var isTombstone = false
        var reason: UInt8 = 0
        var key = UnsafeRawBufferPointer.empty
        var sources = UnsafeRawBufferPointer.empty
        var row = UnsafeRawBufferPointer.empty
    }

    /// Records that are looked up together.
    private static let batch = 32

    private var waiting: WaitingRecords

    /// - Parameter last: the topic's newest offset: no record's is larger.
    init(last: UInt64) {
        waiting = WaitingRecords(last: last)
    }

    /// Reads one chunk behind its topic number.
    mutating func load(
        _ reader: inout ByteReader, into state: inout TopicState
    ) throws(ThalwegError) {
        try load(&reader, into: &state, isCaptured: true)
        try load(&reader, into: &state, isCaptured: false)
    }

    /// Every chunk of the topic was read.
    mutating func finish(into state: inout TopicState) throws(ThalwegError) {
        try flush(below: .max, into: &state)
    }

    private mutating func load(
        _ reader: inout ByteReader, into state: inout TopicState, isCaptured: Bool
    ) throws(ThalwegError) {
        var left = Int(try reader.integer(UInt32.self))
        var batch = Array(repeating: Parsed(), count: min(left, SnapshotLoad.batch))
        while left > 0 {
            let count = min(left, SnapshotLoad.batch)
            for position in 0..<count {
                try SnapshotLoad.parse(&reader, into: &batch[position], state.table)
            }
            for position in 0..<count {
                try store(batch[position], into: &state, isCaptured: isCaptured)
            }
            left -= count
        }
    }

    private mutating func store(
        _ record: Parsed, into state: inout TopicState, isCaptured: Bool
    ) throws(ThalwegError) {
        let slot = state.table.restore(
            key: record.key, hash: record.hash, row: record.row, version: record.version,
            sources: record.sources)
        state.table.record(slot).setChange(
            record.offset, state: record.isTombstone ? RecordState.tombstone : RecordState.live,
            reason: record.reason)
        let waits = WaitingRecords.Item(
            offset: record.offset, deletedAt: record.isTombstone ? record.deletedAt : nil,
            slot: slot)
        if isCaptured {
            waiting.insert(waits)
        } else {
            try flush(below: record.offset, into: &state)
            try SnapshotLoad.number(waits, in: &state)
        }
    }

    private mutating func flush(
        below offset: UInt64, into state: inout TopicState
    ) throws(ThalwegError) {
        while let item = waiting.next(below: offset) {
            try SnapshotLoad.number(item, in: &state)
        }
    }

    private static func number(
        _ record: WaitingRecords.Item, in state: inout TopicState
    ) throws(ThalwegError) {
        guard record.offset > state.table.changes.last else {
            throw TopicState.strangeEntry("a snapshot record out of order")
        }
        state.table.number(record.slot, at: record.offset, deletedAt: record.deletedAt)
    }

    @inline(__always) private static func parse(
        _ reader: inout ByteReader, into record: inout Parsed, _ table: borrowing Table
    ) throws(ThalwegError) {
        record.offset = try reader.integer()
        record.version = try reader.integer()
        let stateByte = UInt64(try reader.integer(UInt8.self))
        record.reason = try reader.integer()
        record.deletedAt = try reader.integer()
        var keySize = table.shape.fixedKeySize
        if keySize == 0 {
            var ahead = reader
            keySize = 1 + Int(try ahead.integer(UInt8.self))
        }
        record.key = try reader.bytes(keySize)
        record.sources = try reader.bytes(2 * Int(try reader.integer(UInt16.self)))
        record.row = try reader.bytes(Int(try reader.integer(UInt32.self)))
        guard stateByte == RecordState.live || stateByte == RecordState.tombstone,
            record.offset <= Record.mask48, record.version <= Record.mask48
        else { throw TopicState.strangeEntry("a snapshot record of no known state") }
        record.isTombstone = stateByte == RecordState.tombstone
        record.hash = table.hash.hash(record.key)
        // Entering it moves cells up to the next empty one: mostly two lines.
        let cell = table.index.firstCell(record.hash)
        thalweg_prefetch(cell)
        thalweg_prefetch(cell + 8)
    }
}
