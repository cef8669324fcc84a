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
        output.integer(
            operation.tag(hasCondition: condition != nil, hasMetadata: metadata != nil))
        output.bytes(key)
        if let condition {
            output.integer(condition.packed.kind)
            output.integer(condition.packed.version)
        }
        if let metadata {
            output.integer(UInt32(metadata.count))
            output.bytes(metadata)
        }
        writes += 1
    }
}

extension WriteOperation {
    /// The first byte of a write.
    package func tag(hasCondition: Bool, hasMetadata: Bool) -> UInt8 {
        rawValue | (hasCondition ? 0x10 : 0) | (hasMetadata ? 0x20 : 0)
    }
}

extension WriteCondition {
    /// As it travels: which it is, and the version, 0 where it has none.
    package var packed: (kind: UInt8, version: UInt64) {
        switch self {
        case .versionEquals(let version): (1, version.rawValue)
        case .absent: (2, 0)
        case .present: (3, 0)
        }
    }
}
