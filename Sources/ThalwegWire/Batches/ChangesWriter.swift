// The payload of `changes`; its frame's request id is the subscription's number, so the same
// payload serves every subscription that asks the same:
//
//   changes = u32 topic | u8 flags (1 caught up, 2 reset) | u64 resume offset | u64 complete at |
//             u32 count | change × count
//   change  = u8 kind | u8 reason | u8 flags (1 previous row, 2 metadata, 4 origin) | encoded key |
//             u64 offset | u64 version | u64 changed fields | u16 count, u16 source × count |
//             u32 length, row (empty for deleted and left) |
//             [u32 length, previous row] | [u32 length, metadata] | [i64 time µs, u16 source]
public import ThalwegModel

/// What happened to a record, as its reader sees it.
public enum ChangeKind: UInt8, Hashable, Sendable, CaseIterable {
    case created = 1
    case updated = 2
    case deleted = 3
    /// It was there and now matches the filter.
    case entered = 4
    /// It is still there and no longer matches the filter.
    case left = 5

    /// The change says what the record holds now.
    public var hasRow: Bool { self != .deleted && self != .left }
}

/// What a delivery says about itself.
public struct ChangesFlags: OptionSet, Hashable, Sendable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// The reader now holds the topic's tail: its bootstrap or resume is complete. The offset to
    /// resume from is the one at which it is.
    public static let caughtUp = ChangesFlags(rawValue: 1)
    /// Forget what you hold before you apply this delivery.
    public static let reset = ChangesFlags(rawValue: 2)
}

/// Where a change of the history comes from.
@frozen public struct ChangeOrigin: Hashable, Sendable {
    /// When its entry was cut, by the leader's clock.
    public let time: Timestamp
    /// Who wrote it; `none` where a window merged several writes, or the server did it.
    public let source: SourceID

    public init(time: Timestamp, source: SourceID) {
        self.time = time
        self.source = source
    }
}

/// Encodes one delivery of changes, straight from where the rows lie.
@frozen public struct ChangesWriter: ~Copyable {
    /// Bytes in front of the first change.
    public static var headSize: Int { 25 }

    @usableFromInline var output: FrameWriter
    @usableFromInline var entries: UInt32 = 0

    public init(capacity: Int = 64 << 10) {
        output = FrameWriter(capacity: capacity)
    }

    /// Changes since `begin`.
    @inlinable public var count: Int { Int(entries) }

    /// Bytes of payload since `begin`.
    @inlinable public var byteCount: Int { output.payloadCount }

    /// Starts a delivery and forgets the one before.
    public mutating func begin(_ topic: TopicID) {
        output.removeAll()
        entries = 0
        output.integer(topic.rawValue)
        output.integer(UInt8(0))
        output.integer(UInt64(0))
        output.integer(UInt64(0))
        output.integer(UInt32(0))
    }

    /// Adds a change. `row` is empty for `deleted` and `left`; `reason` is for `deleted` only.
    @inlinable public mutating func append(
        _ kind: ChangeKind,
        reason: DeletionReason? = nil,
        key: UnsafeRawBufferPointer,
        offset: Offset,
        version: RecordVersion,
        changedFields: UInt64,
        sources: some Collection<SourceID>,
        row: UnsafeRawBufferPointer,
        previous: UnsafeRawBufferPointer? = nil,
        metadata: UnsafeRawBufferPointer? = nil,
        origin: ChangeOrigin? = nil
    ) {
        precondition(kind.hasRow || row.isEmpty, "deleted and left carry no row")
        precondition(reason == nil || kind == .deleted, "only a deletion has a reason")
        output.reserve(key.count + row.count + 33 + 2 * sources.count)
        output.integer(kind.rawValue)
        output.integer(reason?.rawValue ?? 0)
        output.integer(
            UInt8(
                (previous == nil ? 0 : 1) | (metadata == nil ? 0 : 2) | (origin == nil ? 0 : 4)))
        output.bytes(key)
        output.integer(offset.rawValue)
        output.integer(version.rawValue)
        output.integer(changedFields)
        output.sources(sources)
        output.lengthAndBytes(row)
        if let previous { output.lengthAndBytes(previous) }
        if let metadata { output.lengthAndBytes(metadata) }
        if let origin {
            output.integer(origin.time.microseconds)
            output.integer(origin.source.rawValue)
        }
        entries += 1
    }

    /// Completes the payload, which is good until the next `begin`; a reader who has it resumes
    /// from `resume`, and holds a state of the topic when it has everything up to `completeAt`. With
    /// `FrameHeader(.changes, requestID:payloadCount:payloadChecksum:)` it becomes the frame of any
    /// number of subscriptions.
    public mutating func finish(
        _ flags: ChangesFlags,
        resume: Offset,
        completeAt: Offset
    ) -> (payload: UnsafeRawBufferPointer, checksum: UInt32) {
        precondition(resume <= completeAt, "nothing is complete before what it has")
        precondition(!flags.contains(.caughtUp) || resume == completeAt, "caught up too early")
        output.patch(flags.rawValue, at: 4)
        output.patch(resume.rawValue, at: 5)
        output.patch(completeAt.rawValue, at: 13)
        output.patch(entries, at: 21)
        return (output.payload, output.payloadChecksum)
    }

    /// The whole frame of a page that answers one request, after ``finish(_:resume:completeAt:)``.
    public mutating func page(_ type: FrameType, requestID: UInt32) -> UnsafeRawBufferPointer {
        output.finish(type, requestID: requestID)
    }

    /// The whole frame for one subscription, after ``finish(_:resume:completeAt:)``.
    public mutating func frame(subscription: UInt32) -> UnsafeRawBufferPointer {
        output.finish(.changes, requestID: subscription)
    }
}
