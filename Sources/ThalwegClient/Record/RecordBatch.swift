/// Writes of one kind of record, packed as they are added.
///
///     var batch = players.batch(acknowledgement: .committed)
///     try batch.put(Player(id: 7, name: "Ada", health: 100))
///     try batch.patch(8) { $0.health = 3 }
///     try await players.write(&batch)
public struct RecordBatch<R: Record>: ~Copyable, Sendable {
    var batch: Batch
    private var encoder = RowEncoder()

    init(_ batch: consuming Batch) {
        self.batch = batch
    }

    /// Writes added since the last send.
    public var count: Int { batch.count }
    /// Bytes of them.
    public var byteCount: Int { batch.byteCount }

    /// The record is so, as a whole.
    public mutating func put(
        _ record: R,
        if condition: WriteCondition? = nil,
        metadata: [UInt8]? = nil
    ) throws(ThalwegError) {
        try encoder.encode(record)
        if let number = record.recordKey as? UInt64, condition == nil, metadata == nil {
            batch.assert(number, row: encoder.bytes)
        } else {
            try batch.assert(
                record.recordKey.key,
                row: Array(encoder.bytes),
                if: condition,
                metadata: metadata
            )
        }
    }

    /// Only the fields that `change` sets are so.
    public mutating func patch(
        _ key: R.RecordKey,
        if condition: WriteCondition? = nil,
        metadata: [UInt8]? = nil,
        _ change: (inout R.Patch) -> Void
    ) throws(ThalwegError) {
        var patch = R.Patch()
        change(&patch)
        try self.patch(key, patch, if: condition, metadata: metadata)
    }

    public mutating func patch(
        _ key: R.RecordKey,
        _ patch: R.Patch,
        if condition: WriteCondition? = nil,
        metadata: [UInt8]? = nil
    ) throws(ThalwegError) {
        try encoder.encode(patch)
        if let number = key as? UInt64, condition == nil, metadata == nil {
            batch.patch(number, mask: patch.patchMask, values: encoder.bytes)
        } else {
            try batch.patch(
                key.key,
                mask: patch.patchMask,
                values: Array(encoder.bytes),
                if: condition,
                metadata: metadata
            )
        }
    }

    /// This client's source does not assert the record any more.
    public mutating func retract(
        _ key: R.RecordKey,
        if condition: WriteCondition? = nil
    ) throws(ThalwegError) {
        try batch.retract(key.key, if: condition)
    }
}
