// A record in the slab. Integers are native; nothing of this leaves the process.
//
//    0   u64   offset of the last change (48) │ state (8) │ deletion reason (8)
//    8   u64   version (48) │ row length (16; 0xffff: the length is the u32 in front of the row)
//   16   u64   source set (`SourceSets`), or, while windows hold the record, its newest pending
//              entry: 11 (2) │ 0 (30) │ window (8) │ index + 1 (24)
//   24   …     [u32 last asserted, in ticks of 2^16 µs, on topics with a time to live]
//        …     key, encoded
//        …     [u32 row length] row
//
// The table is packed: 24 bytes a record beside its key and row. While windows hold a record, its
// oldest entry in flight keeps its source set (`PendingWindow.committed`); `TopicState.sources`
// finds it.
import ThalwegModel

enum RecordState {
    /// The record exists only as a pending entry: readers do not see it, its offset is 0.
    static let provisional: UInt64 = 0
    static let live: UInt64 = 1
    static let tombstone: UInt64 = 2
}

/// Reads and writes one record's header. The address is good until the slab next allocates.
struct Record {
    static let headerSize = 24
    static let longRow: UInt64 = 0xffff
    static let mask48: UInt64 = (1 << 48) - 1
    /// The form of the third word that no source set has.
    private static let heldForm: UInt64 = 3 << 62

    let address: UnsafeMutableRawPointer

    @inline(__always) init(_ address: UnsafeMutableRawPointer) {
        self.address = address
    }

    // Safe (all of this file): a slot is the start of a chunk that is larger than the header, and
    // chunks are 8-aligned.

    @inline(__always) var word0: UInt64 {
        get { address.load(as: UInt64.self) }
        nonmutating set { address.storeBytes(of: newValue, as: UInt64.self) }
    }

    @inline(__always) var word1: UInt64 {
        get { address.load(fromByteOffset: 8, as: UInt64.self) }
        nonmutating set { address.storeBytes(of: newValue, toByteOffset: 8, as: UInt64.self) }
    }

    /// The source set, or a reference (`pending`).
    @inline(__always) var word2: UInt64 {
        get { address.load(fromByteOffset: 16, as: UInt64.self) }
        nonmutating set { address.storeBytes(of: newValue, toByteOffset: 16, as: UInt64.self) }
    }

    /// The newest pending entry; 0 is none. Setting it takes the place of the source set.
    @inline(__always) var pending: UInt32 {
        get { Record.pending(word2) }
        nonmutating set { word2 = Record.heldForm | UInt64(newValue) }
    }

    /// The upper 40 bits of the third word of a record that window `number` holds. Windows are told
    /// apart by 8 bits, as in every reference.
    @inline(__always) static func heldMark(window number: UInt64) -> UInt64 {
        (heldForm >> 24) | (number & 0xff)
    }

    /// The reference that a third word is; 0 where it is a source set.
    @inline(__always) static func pending(_ word: UInt64) -> UInt32 {
        word >= heldForm ? UInt32(truncatingIfNeeded: word) : 0
    }

    @inline(__always) var lastChange: UInt64 { word0 & Record.mask48 }

    @inline(__always) var state: UInt64 { (word0 >> 48) & 0xff }

    @inline(__always) var isLive: Bool { state == RecordState.live }

    /// Not a chunk on a free list (`Slab.freeMark`), which may still show the key that it had.
    @inline(__always) var isTaken: Bool { state <= RecordState.tombstone }

    @inline(__always) var reason: UInt8 { UInt8(truncatingIfNeeded: word0 >> 56) }

    @inline(__always) var version: UInt64 { word1 & Record.mask48 }

    @inline(__always) func setChange(_ offset: UInt64, state: UInt64, reason: UInt8 = 0) {
        word0 = offset | state << 48 | UInt64(reason) << 56
    }

    /// The record's last change is `offset`: an index entry for it is live.
    @inline(__always) func isLast(_ offset: UInt64) -> Bool {
        let word = word0
        let state = (word >> 48) & 0xff
        return word & Record.mask48 == offset
            && (state == RecordState.live || state == RecordState.tombstone)
    }
}

/// Where the parts behind the header stand in the records of one topic.
struct RecordShape {
    let keyKind: KeyKind
    /// Bytes of every key, or 0 where each brings its length.
    let fixedKeySize: Int
    let keyOffset: Int

    init(keyKind: KeyKind, tracksAssertion: Bool) {
        self.keyKind = keyKind
        fixedKeySize = keyKind.fixedSize ?? 0
        keyOffset = Record.headerSize + (tracksAssertion ? 4 : 0)
    }

    @inline(__always) func keySize(_ record: Record) -> Int {
        fixedKeySize != 0
            ? fixedKeySize
            : 1 + Int(record.address.load(fromByteOffset: keyOffset, as: UInt8.self))
    }

    @inline(__always) func key(_ record: Record) -> UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: record.address + keyOffset, count: keySize(record))
    }

    @inline(__always) func row(_ record: Record) -> UnsafeRawBufferPointer {
        let start = keyOffset + keySize(record)
        let short = record.word1 >> 48
        if short != Record.longRow {
            return UnsafeRawBufferPointer(start: record.address + start, count: Int(short))
        }
        let long = record.address.loadUnaligned(fromByteOffset: start, as: UInt32.self)
        return UnsafeRawBufferPointer(start: record.address + start + 4, count: Int(long))
    }

    /// Bytes of the whole record with a key and row of these sizes.
    @inline(__always) func size(key: Int, row: Int) -> Int {
        keyOffset + key + row + (row >= Int(Record.longRow) ? 4 : 0)
    }

    @inline(__always) func size(_ record: Record) -> Int {
        size(key: keySize(record), row: row(record).count)
    }

    /// Writes version, row length and row; the chunk is large enough.
    @inline(__always) func setRow(
        _ record: Record, version: UInt64, row: UnsafeRawBufferPointer
    ) {
        var start = keyOffset + keySize(record)
        if row.count < Int(Record.longRow) {
            record.word1 = version | UInt64(row.count) << 48
        } else {
            record.word1 = version | Record.longRow << 48
            record.address.storeBytes(of: UInt32(row.count), toByteOffset: start, as: UInt32.self)
            start += 4
        }
        guard let source = row.baseAddress else { return }
        (record.address + start).copyMemory(from: source, byteCount: row.count)
    }
}
