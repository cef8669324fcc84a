import ThalwegModel
import ThalwegWire

/// Writes of a simulated client to one topic with keys of eight bytes, packed as on the wire.
struct SimulatedBatch {
    private var writer = ByteWriter()
    private(set) var count: UInt32 = 0
    var isAtomic = false
    /// Each write is answered for itself.
    var wantsEach = false
    var numbering: WriteNumbering?

    var bytes: [UInt8] { writer.bytes }

    mutating func assert(
        _ key: UInt64, _ row: [UInt8], if condition: WriteCondition? = nil,
        metadata: [UInt8]? = nil
    ) {
        begin(.assert, key, condition, metadata)
        writer.byteArray(row)
    }

    mutating func patch(
        _ key: UInt64, _ patch: (mask: UInt64, values: [UInt8]),
        if condition: WriteCondition? = nil
    ) {
        begin(.patch, key, condition, nil)
        writer.integer(patch.mask)
        writer.byteArray(patch.values)
    }

    mutating func retract(_ key: UInt64, if condition: WriteCondition? = nil) {
        begin(.retract, key, condition, nil)
    }

    private mutating func begin(
        _ operation: WriteOperation, _ key: UInt64, _ condition: WriteCondition?,
        _ metadata: [UInt8]?
    ) {
        count += 1
        writer.integer(
            operation.tag(hasCondition: condition != nil, hasMetadata: metadata != nil))
        writer.integer(key)
        if let condition {
            writer.integer(condition.packed.kind)
            writer.integer(condition.packed.version)
        }
        if let metadata { writer.byteArray(metadata) }
    }

    func header(_ topic: TopicID) -> WriteBatchHeader {
        WriteBatchHeader(
            topic: topic, acknowledgement: wantsEach ? .committedEach : .committed,
            isAtomic: isAtomic, count: count, numbering: numbering)
    }
}

extension UInt64 {
    /// The bytes of a key, or of a number in a row.
    var littleEndianBytes: [UInt8] {
        Swift.withUnsafeBytes(of: littleEndian) { Array($0) }
    }

    /// The number in the first eight bytes; 0 where there are fewer.
    init(firstOf bytes: some Collection<UInt8>) {
        self = 0
        guard bytes.count >= 8 else { return }
        for (position, byte) in bytes.prefix(8).enumerated() {
            self |= UInt64(byte) << UInt64(8 * position)
        }
    }
}
