// Safe: each write reserves all of its bytes first and then stores them; `FrameWriter` owns the
// memory.
public import ThalwegModel

/// Encodes `write` frames: what a client or the load generator sends.
///
///     writer.begin(topic, acknowledgement: .committed)
///     writer.assert(key: 17, row: row)
///     send(writer.finish(requestID: 4))        // then `begin` again: the memory is kept
///
/// Keep it in a local variable or pass it `inout`: as a property of a class each write also pays
/// for the exclusivity check.
///
/// Nothing is checked here but the format; the server answers for keys and rows. A frame must stay
/// within the server's payload and write limits: look at ``byteCount`` and ``count`` and finish
/// before they pass. Keys are encoded as ``ThalwegModel/Key/encoded()`` says.
@frozen public struct PackedBatchWriter: ~Copyable {
    @usableFromInline var output: FrameWriter
    @usableFromInline var writes: UInt32 = 0

    /// - Parameter capacity: bytes to begin with.
    public init(capacity: Int = 64 << 10) {
        output = FrameWriter(capacity: capacity)
    }

    /// Writes since `begin`.
    @inlinable public var count: Int { Int(writes) }

    /// Bytes of payload since `begin`.
    @inlinable public var byteCount: Int { output.payloadCount }

    /// Starts a batch and forgets the one before.
    public mutating func begin(
        _ topic: TopicID,
        acknowledgement: Acknowledgement,
        isAtomic: Bool = false,
        numbering: WriteNumbering? = nil
    ) {
        output.removeAll()
        writes = 0
        let header = WriteBatchHeader(
            topic: topic, acknowledgement: acknowledgement, isAtomic: isAtomic, count: 0,
            numbering: numbering)
        output.integer(topic.rawValue)
        output.integer(acknowledgement.rawValue)
        output.integer(header.flags)
        output.integer(UInt16(0))
        output.integer(UInt32(0))
        if let numbering {
            output.integer(numbering.number)
            output.integer(numbering.answered)
        }
    }

    /// Fills in the count and the header and gives the whole frame, good until the next `begin`.
    public mutating func finish(requestID: UInt32) -> UnsafeRawBufferPointer {
        output.patch(writes, at: 8)
        return output.finish(.write, requestID: requestID)
    }

    // MARK: Plain writes: the hot path

    @inlinable public mutating func assert(
        key: UnsafeRawBufferPointer,
        row: UnsafeRawBufferPointer
    ) {
        output.reserve(5 + key.count + row.count)
        output.unreserved(WriteOperation.assert.rawValue)
        output.unreserved(key)
        output.unreserved(UInt32(truncatingIfNeeded: row.count))
        output.unreserved(row)
        writes += 1
    }

    @inlinable public mutating func assert(key: UInt64, row: UnsafeRawBufferPointer) {
        output.reserve(13 + row.count)
        output.unreserved(WriteOperation.assert.rawValue)
        output.unreserved(key)
        output.unreserved(UInt32(truncatingIfNeeded: row.count))
        output.unreserved(row)
        writes += 1
    }

    @inlinable public mutating func patch(
        key: UnsafeRawBufferPointer,
        mask: UInt64,
        values: UnsafeRawBufferPointer
    ) {
        output.reserve(13 + key.count + values.count)
        output.unreserved(WriteOperation.patch.rawValue)
        output.unreserved(key)
        output.unreserved(mask)
        output.unreserved(UInt32(truncatingIfNeeded: values.count))
        output.unreserved(values)
        writes += 1
    }

    @inlinable public mutating func patch(
        key: UInt64,
        mask: UInt64,
        values: UnsafeRawBufferPointer
    ) {
        output.reserve(21 + values.count)
        output.unreserved(WriteOperation.patch.rawValue)
        output.unreserved(key)
        output.unreserved(mask)
        output.unreserved(UInt32(truncatingIfNeeded: values.count))
        output.unreserved(values)
        writes += 1
    }

    @inlinable public mutating func retract(key: UnsafeRawBufferPointer) {
        output.reserve(1 + key.count)
        output.unreserved(WriteOperation.retract.rawValue)
        output.unreserved(key)
        writes += 1
    }

    @inlinable public mutating func retract(key: UInt64) {
        output.reserve(9)
        output.unreserved(WriteOperation.retract.rawValue)
        output.unreserved(key)
        writes += 1
    }
}

// Safe: it owns its memory alone, so it may move to another thread as a whole.
extension PackedBatchWriter: @unchecked Sendable {}
