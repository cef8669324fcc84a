// A snapshot's records on their way back into a table.
//
// Records go into slab and key index as they come, several at a time, so that the cache line of
// one is on its way while another is stored. They come in any order; the change index, which wants
// them in order of offset, gets them when all are there.
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

    /// Of each tombstone.
    private var deletions: [(offset: UInt64, time: Int64)] = []

    /// Reads one chunk behind its topic number.
    mutating func load(
        _ reader: inout ByteReader, into state: inout TopicState
    ) throws(ThalwegError) {
        try loadList(&reader, into: &state)
        try loadList(&reader, into: &state)
    }

    /// Every chunk of the topic was read.
    mutating func finish(into state: inout TopicState) throws(ThalwegError) {
        deletions.sort { $0.offset < $1.offset }
        guard state.table.number(deletions: deletions) else {
            throw TopicState.strangeEntry("two snapshot records of one offset")
        }
    }

    private mutating func loadList(
        _ reader: inout ByteReader, into state: inout TopicState
    ) throws(ThalwegError) {
        var left = Int(try reader.integer(UInt32.self))
        var batch = Array(repeating: Parsed(), count: min(left, SnapshotLoad.batch))
        while left > 0 {
            let count = min(left, SnapshotLoad.batch)
            for position in 0..<count {
                try SnapshotLoad.parse(&reader, into: &batch[position], state.table)
            }
            for position in 0..<count {
                store(batch[position], into: &state)
            }
            left -= count
        }
    }

    private mutating func store(_ record: Parsed, into state: inout TopicState) {
        state.table.restore(
            key: record.key, hash: record.hash, row: record.row, version: record.version,
            sources: record.sources, offset: record.offset,
            state: record.isTombstone ? RecordState.tombstone : RecordState.live,
            reason: record.reason)
        if record.isTombstone { deletions.append((record.offset, record.deletedAt)) }
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
