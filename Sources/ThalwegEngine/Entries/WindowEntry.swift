// The body of a window entry: the net changes, in the order they get their offsets.
//
//   u32 count, then for each
//     u8 operation    1 upsert, 2 delete, 3 membership; 0x20: metadata follows
//     key             as the topic encodes it
//     upsert, membership: u16 count of sources, u16 × count, ascending
//     upsert:             u32 length, row
//     delete:             u8 reason
//     [u32 length, metadata]
import ThalwegModel

/// Builds entries in memory that is used again and again.
struct EntryWriter: ~Copyable {
    private var base: UnsafeMutableRawPointer
    private(set) var capacity: Int
    private(set) var count = 0

    init() {
        capacity = 1 << 10
        base = .allocate(byteCount: capacity, alignment: 16)
    }

    deinit {
        base.deallocate()
    }

    mutating func begin(kind: EntryKind, topic: TopicID, time: Int64) {
        count = 0
        integer(EntryHeader.format)
        integer(kind.rawValue)
        integer(UInt16(0))
        integer(topic.rawValue)
        integer(time)
    }

    /// Makes room for `bytes` more; what follows may then write that much.
    @inline(__always) mutating func reserve(_ bytes: Int) {
        if count + bytes > capacity { grow(bytes) }
    }

    // Safe: `reserve` was called for what is written; `begin` always fits.

    @inline(__always) mutating func integer<T: FixedWidthInteger & BitwiseCopyable>(_ value: T) {
        base.storeBytes(of: value.littleEndian, toByteOffset: count, as: T.self)
        count += MemoryLayout<T>.size
    }

    @inline(__always) mutating func raw(_ bytes: UnsafeRawBufferPointer) {
        if let source = bytes.baseAddress {
            (base + count).copyMemory(from: source, byteCount: bytes.count)
        }
        count += bytes.count
    }

    mutating func patch<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at position: Int) {
        base.storeBytes(of: value.littleEndian, toByteOffset: position, as: T.self)
    }

    mutating func removeAll() {
        count = 0
    }

    /// What was written, lent until the next write.
    var written: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

    /// A copy of what was written: the log keeps it until it is durable.
    func bytes() -> [UInt8] {
        Array(UnsafeRawBufferPointer(start: base, count: count))
    }

    @inline(never) private mutating func grow(_ bytes: Int) {
        let larger = max(capacity * 2, count + bytes)
        let new = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
        new.copyMemory(from: base, byteCount: count)
        base.deallocate()
        base = new
        capacity = larger
    }
}

enum WindowOperation {
    static let upsert: UInt8 = 1
    static let delete: UInt8 = 2
    static let membership: UInt8 = 3
    static let metadataFlag: UInt8 = 0x20
}

/// One net change as it lies in a window entry.
struct NetChange {
    var operation: UInt8 = 0
    var key = UnsafeRawBufferPointer(start: nil, count: 0)
    /// u16 × n, ascending.
    var sources = UnsafeRawBufferPointer(start: nil, count: 0)
    var row = UnsafeRawBufferPointer(start: nil, count: 0)
    var reason: UInt8 = 0
    var metadata: UnsafeRawBufferPointer?

    init(from reader: inout ByteReader, shape: RecordShape) throws(ThalwegError) {
        let tag = try reader.integer(UInt8.self)
        operation = tag & 0x0f
        var keySize = shape.fixedKeySize
        if keySize == 0 {
            var ahead = reader
            keySize = 1 + Int(try ahead.integer(UInt8.self))
        }
        key = try reader.bytes(keySize)
        switch operation {
        case WindowOperation.upsert:
            sources = try NetChange.sources(from: &reader)
            row = try reader.bytes(Int(try reader.integer(UInt32.self)))
        case WindowOperation.delete:
            reason = try reader.integer()
        case WindowOperation.membership:
            sources = try NetChange.sources(from: &reader)
        default:
            throw ThalwegError(.logDamaged, "operation \(tag) is not one of a window entry")
        }
        if tag & WindowOperation.metadataFlag != 0 {
            metadata = try reader.bytes(Int(try reader.integer(UInt32.self)))
        }
    }

    private static func sources(
        from reader: inout ByteReader
    ) throws(ThalwegError) -> UnsafeRawBufferPointer {
        let count = Int(try reader.integer(UInt16.self))
        return try reader.bytes(count * 2)
    }
}
