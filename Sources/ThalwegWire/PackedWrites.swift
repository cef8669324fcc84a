// A batch of writes to one topic, packed without alignment, as it travels and as the window reads
// it. Little-endian throughout.
//
//   batch  = u32 topic | u8 acknowledgement | u8 flags | u16 0 | u32 count |
//            [u64 number | u64 answered] | write × count
//   flags  1: all or nothing; 2: number and answered follow
//   write  = u8 operation and flags | key | [condition] | [metadata] | body
//
//   operation    low four bits: 1 ASSERT, 2 PATCH, 3 RETRACT
//   flags        0x10 a condition follows, 0x20 metadata follows
//   key          u64: 8 bytes; uuid: 16; bytes32: 32; string: u8 length, bytes
//   condition    u8 kind (1 version equals, 2 absent, 3 present) | u64 version (0 unless kind 1)
//   metadata     u32 length, bytes (at most 64 KiB)
//   ASSERT body  u32 length, row
//   PATCH body   u64 field mask | u32 length, values
//   RETRACT body nothing
//
// The row is `RowLayout`'s bytes, or the value itself on a topic of kind `bytes`.
public import ThalwegModel

/// How much a writer wants to hear about a batch.
public enum Acknowledgement: UInt8, Hashable, Sendable, CaseIterable {
    /// Nothing, not even errors: they are counted.
    case none = 0
    /// One answer when the batch has its place in the order.
    case received = 1
    /// One answer when the whole batch is durable and applied, with counts by verdict.
    case committed = 2
    /// As `committed`, with offset, version and verdict of each write.
    case committedEach = 3
}

/// What one write does.
@frozen public enum WriteOperation: UInt8, Hashable, Sendable {
    case assert = 1
    case patch = 2
    case retract = 3
}

/// What must hold for a write to be applied.
@frozen public enum WriteCondition: Hashable, Sendable {
    case versionEquals(RecordVersion)
    case absent
    case present
}

/// A batch's place among those that its session sends to one topic.
public struct WriteNumbering: Hashable, Sendable {
    /// Bytes on the wire.
    public static let size = 16

    /// Of the batch's first write: 1 for the session's first to this topic, then without gaps.
    public var number: UInt64
    /// The session has the answers for all writes up to this one: the server may forget them.
    public var answered: UInt64

    public init(number: UInt64, answered: UInt64) {
        self.number = number
        self.answered = answered
    }
}

/// The fixed part in front of a batch's writes.
public struct WriteBatchHeader: Hashable, Sendable {
    /// Bytes without the numbering.
    public static let size = 12

    /// Bits of `flags`.
    public static let atomicFlag: UInt8 = 1
    public static let numberedFlag: UInt8 = 2

    public var topic: TopicID
    public var acknowledgement: Acknowledgement
    public var flags: UInt8
    public var count: UInt32
    /// Where the session wants the batch applied exactly once, however often it is sent.
    public var numbering: WriteNumbering?

    public init(
        topic: TopicID, acknowledgement: Acknowledgement, isAtomic: Bool = false, count: UInt32,
        numbering: WriteNumbering? = nil
    ) {
        self.topic = topic
        self.acknowledgement = acknowledgement
        self.flags =
            (isAtomic ? WriteBatchHeader.atomicFlag : 0)
            | (numbering == nil ? 0 : WriteBatchHeader.numberedFlag)
        self.count = count
        self.numbering = numbering
    }

    public var isAtomic: Bool { flags & WriteBatchHeader.atomicFlag != 0 }

    public init(from reader: inout ByteReader) throws(ThalwegError) {
        topic = TopicID(try reader.integer())
        let mode = try reader.integer(UInt8.self)
        guard let acknowledgement = Acknowledgement(rawValue: mode) else {
            throw ThalwegError(.invalidBatch, "acknowledgement mode \(mode) is unknown")
        }
        self.acknowledgement = acknowledgement
        flags = try reader.integer()
        let reserved = try reader.integer(UInt16.self)
        let known = WriteBatchHeader.atomicFlag | WriteBatchHeader.numberedFlag
        guard flags & ~known == 0, reserved == 0 else {
            throw ThalwegError(.invalidBatch, "reserved bits of the batch header are set")
        }
        count = try reader.integer()
        guard flags & WriteBatchHeader.numberedFlag != 0 else { return }
        let number = try reader.integer(UInt64.self)
        let answered = try reader.integer(UInt64.self)
        guard number > 0, answered < number, count > 0 else {
            throw ThalwegError(
                .invalidBatch,
                "\(count) writes from number \(number) with \(answered) answered are no sequence",
                advice: "number writes from 1 and leave out empty batches")
        }
        numbering = WriteNumbering(number: number, answered: answered)
    }
}

/// Walks the writes of a batch where they lie, lending pointers into it. The hot decoder: it
/// allocates nothing, never reads outside the batch, and stops at the first malformed write.
///
/// The lent pointers are good only while the batch's bytes are.
@frozen public struct WriteCursor {
    @usableFromInline let base: UnsafeRawPointer
    @usableFromInline let end: Int
    @usableFromInline var position: Int
    /// Bytes of a key, or 0 where each key brings its length.
    @usableFromInline let fixedKeySize: Int

    // The write that `next` found; its public names are below.
    @usableFromInline var foundOperation: WriteOperation = .assert
    @usableFromInline var foundKey: UnsafeRawBufferPointer
    @usableFromInline var foundBody: UnsafeRawBufferPointer
    @usableFromInline var foundMask: UInt64 = 0
    /// The flag bits of the write's first byte.
    @usableFromInline var foundFlags: UInt8 = 0
    @usableFromInline var foundCondition: WriteCondition?
    @usableFromInline var foundMetadata: UnsafeRawBufferPointer?

    @inlinable public var operation: WriteOperation { foundOperation }
    /// The encoded key; for `string` keys with its length byte.
    @inlinable public var key: UnsafeRawBufferPointer { foundKey }
    /// The row, or the patch's values; empty for RETRACT.
    @inlinable public var body: UnsafeRawBufferPointer { foundBody }
    /// The patch's fields.
    @inlinable public var mask: UInt64 { foundMask }
    public var condition: WriteCondition? { foundFlags & 0x10 != 0 ? foundCondition : nil }
    public var metadata: UnsafeRawBufferPointer? { foundFlags & 0x20 != 0 ? foundMetadata : nil }

    /// The write has a condition or metadata.
    @inlinable public var hasExtras: Bool { foundFlags != 0 }

    /// - Parameter writes: the bytes behind the batch header.
    // Safe: an empty buffer may have no base address; `end` is 0 then and nothing is loaded.
    public init(_ writes: UnsafeRawBufferPointer, keyKind: KeyKind) {
        base = writes.baseAddress ?? UnsafeRawPointer(bitPattern: 1).unsafelyUnwrapped
        end = writes.count
        position = 0
        fixedKeySize = keyKind.fixedSize ?? 0
        foundKey = UnsafeRawBufferPointer(start: nil, count: 0)
        foundBody = foundKey
    }

    public var isAtEnd: Bool { position == end }

    /// Moves to the next write; `false` where the bytes are not a write.
    @inlinable @inline(__always) public mutating func next() -> Bool {
        // Safe: every load below is behind a comparison of `end - position` with what it needs.
        guard end &- position >= 1 else { return false }
        let tag = base.load(fromByteOffset: position, as: UInt8.self)
        position &+= 1
        guard let operation = WriteOperation(rawValue: tag & 0x0f) else { return false }
        foundOperation = operation
        var keySize = fixedKeySize
        if keySize == 0 {
            guard end &- position >= 1 else { return false }
            keySize = 1 &+ Int(base.load(fromByteOffset: position, as: UInt8.self))
        }
        guard end &- position >= keySize else { return false }
        foundKey = UnsafeRawBufferPointer(start: base + position, count: keySize)
        position &+= keySize
        foundFlags = tag & 0xf0
        if foundFlags != 0 {
            guard tag & 0xc0 == 0, readExtras(tag) else { return false }
        }
        if operation == .retract {
            foundBody = UnsafeRawBufferPointer(start: nil, count: 0)
            return true
        }
        if operation == .patch {
            guard end &- position >= 8 else { return false }
            foundMask = UInt64(
                littleEndian: base.loadUnaligned(fromByteOffset: position, as: UInt64.self))
            position &+= 8
        }
        guard end &- position >= 4 else { return false }
        let count = Int(
            UInt32(littleEndian: base.loadUnaligned(fromByteOffset: position, as: UInt32.self)))
        position &+= 4
        guard end &- position >= count else { return false }
        foundBody = UnsafeRawBufferPointer(start: base + position, count: count)
        position &+= count
        return true
    }

    @inline(never) @usableFromInline mutating func readExtras(_ tag: UInt8) -> Bool {
        // Safe: as in `next`.
        if tag & 0x10 != 0 {
            guard end - position >= 9 else { return false }
            let version = UInt64(
                littleEndian: base.loadUnaligned(fromByteOffset: position + 1, as: UInt64.self))
            switch base.load(fromByteOffset: position, as: UInt8.self) {
            case 1: foundCondition = .versionEquals(RecordVersion(version))
            case 2 where version == 0: foundCondition = .absent
            case 3 where version == 0: foundCondition = .present
            default: return false
            }
            position += 9
        }
        if tag & 0x20 != 0 {
            guard end - position >= 4 else { return false }
            let count = Int(
                UInt32(littleEndian: base.loadUnaligned(fromByteOffset: position, as: UInt32.self)))
            guard count <= Limits.metadataBytes, end - position - 4 >= count else { return false }
            foundMetadata = UnsafeRawBufferPointer(start: base + position + 4, count: count)
            position += 4 + count
        }
        return true
    }
}
