public import ThalwegModel

// Writes with a condition or metadata: the general form of each operation.

extension PackedBatchWriter {
    /// The full row, applied only if `condition` holds.
    public mutating func assert(
        key: UnsafeRawBufferPointer,
        row: UnsafeRawBufferPointer,
        condition: WriteCondition?,
        metadata: UnsafeRawBufferPointer? = nil
    ) throws(ThalwegError) {
        try start(.assert, key, condition, metadata)
        output.integer(UInt32(truncatingIfNeeded: row.count))
        output.bytes(row)
    }

    /// Some fields, as `RowLayout` packs them.
    public mutating func patch(
        key: UnsafeRawBufferPointer,
        mask: UInt64,
        values: UnsafeRawBufferPointer,
        condition: WriteCondition?,
        metadata: UnsafeRawBufferPointer? = nil
    ) throws(ThalwegError) {
        try start(.patch, key, condition, metadata)
        output.integer(mask)
        output.integer(UInt32(truncatingIfNeeded: values.count))
        output.bytes(values)
    }

    /// The end of this source's membership.
    public mutating func retract(
        key: UnsafeRawBufferPointer,
        condition: WriteCondition?,
        metadata: UnsafeRawBufferPointer? = nil
    ) throws(ThalwegError) {
        try start(.retract, key, condition, metadata)
    }

    /// Operation, key, condition and metadata. Throws `metadata_too_large` before anything is
    /// written.
    private mutating func start(
        _ operation: WriteOperation,
        _ key: UnsafeRawBufferPointer,
        _ condition: WriteCondition?,
        _ metadata: UnsafeRawBufferPointer?
    ) throws(ThalwegError) {
        if let metadata, metadata.count > Limits.metadataBytes {
            throw .exceeded(
                .metadataTooLarge,
                "the metadata's length in bytes",
                value: metadata.count,
                limit: Limits.metadataBytes,
                advice: "put large content into the record"
            )
        }
        var tag = operation.rawValue
        if condition != nil { tag |= 0x10 }
        if metadata != nil { tag |= 0x20 }
        output.integer(tag)
        output.bytes(key)
        switch condition {
        case .versionEquals(let version):
            output.integer(UInt8(1))
            output.integer(version.rawValue)
        case .absent:
            output.integer(UInt8(2))
            output.integer(UInt64(0))
        case .present:
            output.integer(UInt8(3))
            output.integer(UInt64(0))
        case nil:
            break
        }
        if let metadata {
            output.integer(UInt32(metadata.count))
            output.bytes(metadata)
        }
        writes += 1
    }
}
