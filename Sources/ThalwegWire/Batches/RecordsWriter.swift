// The payloads of `records` and `scanPage`:
//
//   records  = u64 applied | u32 count | record × count
//   scanPage = u64 applied | u32 length, next token (empty at the end) | u32 count | record × count
//   record   = u8 found (0 never existed, 1 live, 2 deleted); then, unless 0:
//              encoded key | u64 version | u64 offset | u16 count, u16 source × count |
//              u32 length, row (empty where deleted)
public import ThalwegModel

/// Whether a record is there.
public enum RecordPresence: UInt8, Hashable, Sendable, CaseIterable {
    /// There is no such record, nor was there while its tombstone would have been kept.
    case absent = 0
    case live = 1
    /// It was deleted; version and offset say when.
    case deleted = 2
}

/// Encodes the answer to a get or one page of a scan, straight from where the rows lie.
@frozen public struct RecordsWriter: ~Copyable {
    @usableFromInline var output: FrameWriter
    @usableFromInline var entries: UInt32 = 0

    public init(capacity: Int = 16 << 10) {
        output = FrameWriter(capacity: capacity)
    }

    /// Records since `begin`.
    @inlinable public var count: Int { Int(entries) }

    /// Bytes of payload since `begin`.
    @inlinable public var byteCount: Int { output.payloadCount }

    /// Starts an answer that is true at `applied`, and forgets the one before.
    public mutating func begin(applied: Offset) {
        output.removeAll()
        entries = 0
        output.integer(applied.rawValue)
        output.integer(UInt32(0))
    }

    /// Adds "there is no such record".
    public mutating func appendAbsent() {
        output.integer(RecordPresence.absent.rawValue)
        entries += 1
    }

    /// Adds a record; `row` is empty where it is deleted.
    @inlinable public mutating func append(
        _ presence: RecordPresence = .live,
        key: UnsafeRawBufferPointer,
        version: RecordVersion,
        offset: Offset,
        sources: some Collection<SourceID>,
        row: UnsafeRawBufferPointer
    ) {
        precondition(presence != .absent, "an absent record has no key")
        output.reserve(key.count + row.count + 32 + 2 * sources.count)
        output.integer(presence.rawValue)
        output.bytes(key)
        output.integer(version.rawValue)
        output.integer(offset.rawValue)
        output.sources(sources)
        output.lengthAndBytes(row)
        entries += 1
    }

    /// The whole `records` frame, good until the next `begin`.
    public mutating func finish(requestID: UInt32) -> UnsafeRawBufferPointer {
        output.patch(entries, at: 8)
        return output.finish(.records, requestID: requestID)
    }

    /// The whole `scanPage` frame, good until the next `begin`. `nextToken` continues the scan; it
    /// is empty where the scan is complete.
    public mutating func finishPage(
        _ type: FrameType = .scanPage,
        requestID: UInt32,
        nextToken: [UInt8]
    ) -> UnsafeRawBufferPointer {
        output.patch(entries, at: 8)
        withUnsafeBytes(of: UInt32(nextToken.count).littleEndian) { output.insert($0, at: 8) }
        nextToken.withUnsafeBytes { output.insert($0, at: 12) }
        return output.finish(type, requestID: requestID)
    }
}
