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

    /// Bytes of the writes so far.
    public var consumed: Int { position }

    /// Moves to the next write; `false` where the bytes are not a write.
    // The position is a local value until the write is whole, and nothing takes the cursor's address,
    // so that a loop over a copy of a cursor keeps all of it in registers.
    @inlinable @inline(__always) public mutating func next() -> Bool {
        // Safe: every load below is behind a comparison of `end - position` with what it needs.
        var position = position
        guard end &- position >= 1 else { return false }
        let tag = base.load(fromByteOffset: position, as: UInt8.self)
        position &+= 1
        guard let operation = WriteOperation(rawValue: tag & 0x0f) else { return false }
        var keySize = fixedKeySize
        if keySize == 0 {
            guard end &- position >= 1 else { return false }
            keySize = 1 &+ Int(base.load(fromByteOffset: position, as: UInt8.self))
        }
        guard end &- position >= keySize else { return false }
        foundKey = UnsafeRawBufferPointer(start: base + position, count: keySize)
        position &+= keySize
        foundOperation = operation
        foundFlags = tag & 0xf0
        if foundFlags != 0 {
            guard tag & 0xc0 == 0,
                let extras = WriteCursor.extras(tag, base, from: position, to: end)
            else { return false }
            foundCondition = extras.condition
            foundMetadata = extras.metadata
            position = extras.end
        }
        if operation == .retract {
            foundBody = UnsafeRawBufferPointer(start: base + position, count: 0)
            self.position = position
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
        self.position = position &+ count
        return true
    }

    @usableFromInline struct Extras {
        @usableFromInline var condition: WriteCondition?
        @usableFromInline var metadata: UnsafeRawBufferPointer?
        /// Where they end.
        @usableFromInline var end: Int
    }

    @inline(never) @usableFromInline static func extras(
        _ tag: UInt8, _ base: UnsafeRawPointer, from start: Int, to end: Int
    ) -> Extras? {
        // Safe: as in `next`.
        var extras = Extras(end: start)
        if tag & 0x10 != 0 {
            guard end - extras.end >= 9 else { return nil }
            let version = UInt64(
                littleEndian: base.loadUnaligned(fromByteOffset: extras.end + 1, as: UInt64.self))
            switch base.load(fromByteOffset: extras.end, as: UInt8.self) {
            case 1: extras.condition = .versionEquals(RecordVersion(version))
            case 2 where version == 0: extras.condition = .absent
            case 3 where version == 0: extras.condition = .present
            default: return nil
            }
            extras.end += 9
        }
        if tag & 0x20 != 0 {
            guard end - extras.end >= 4 else { return nil }
            let count = Int(
                UInt32(
                    littleEndian: base.loadUnaligned(fromByteOffset: extras.end, as: UInt32.self)))
            guard count <= Limits.metadataBytes, end - extras.end - 4 >= count else { return nil }
            extras.metadata = UnsafeRawBufferPointer(start: base + extras.end + 4, count: count)
            extras.end += 4 + count
        }
        return extras
    }
}

/// A write without condition and metadata whose key has eight bytes: what most writes are.
@frozen public struct PlainWrite {
    public let operation: WriteOperation
    public let key: UnsafeRawPointer
    /// The patch's fields; 0 of the others.
    public let mask: UInt64
    /// The row, or the patch's values.
    public let body: UnsafeRawPointer
    public let bodyCount: UInt32

    /// The write at `start`; `nil` where there is none, or one that a `WriteCursor` has to look at:
    /// with extras, malformed, or one of the last few bytes of its batch.
    @inlinable @inline(__always) public init?(
        at start: UnsafeRawPointer, before end: UnsafeRawPointer
    ) {
        // Safe: one comparison covers the head; the body's length is compared with what is left.
        guard end - start >= 21 else { return nil }
        let tag = start.load(as: UInt8.self)
        guard let operation = WriteOperation(rawValue: tag) else { return nil }
        // Which operation comes next cannot be predicted, so there is no branch on it: everything
        // is loaded, and what the operation does not have is masked away.
        let code = UInt64(tag)
        let isRetract = (code &+ 1) >> 2
        let isPatch = (code >> 1) ^ isRetract
        let headBytes = Int(truncatingIfNeeded: (0x0915_0d00 as UInt64 &>> (code &* 8)) & 0xff)
        let fields = UInt64(littleEndian: start.loadUnaligned(fromByteOffset: 9, as: UInt64.self))
        let length = UInt32(
            littleEndian: start.loadUnaligned(fromByteOffset: headBytes &- 4, as: UInt32.self))
        self.operation = operation
        mask = fields & (0 &- isPatch)
        bodyCount = length & UInt32(truncatingIfNeeded: isRetract &- 1)
        body = start + headBytes
        key = start + 1
        guard end - body >= Int(bodyCount) else { return nil }
    }
}
