/// A row to be stored, canonical after every call: equal values are equal bytes.
public struct RowBuilder {
    private let shape: RowShape
    private var bytes: [UInt8]

    /// A row whose fields are all zero, empty or absent.
    public init(_ shape: RowShape) {
        self.shape = shape
        bytes = [UInt8](repeating: 0, count: shape.fixedSize)
        store(UInt16(truncatingIfNeeded: shape.fixedSize), 0)
    }

    /// A copy of `row`, of this or an older version of the schema. Rejects (code 1) a row of a newer
    /// one: it has fields that the program would lose.
    public init(_ shape: RowShape, copying row: borrowing Row) throws(Reject) {
        guard row.fixedSize <= shape.fixedSize else {
            throw Reject(1, "the row has more fields than the program knows of")
        }
        self.shape = shape
        bytes = row.bytes.array
        guard row.fixedSize < shape.fixedSize else { return }
        let packed = bytes.count - row.fixedSize
        bytes.insert(
            contentsOf: [UInt8](repeating: 0, count: shape.fixedSize - row.fixedSize),
            at: row.fixedSize)
        store(UInt16(truncatingIfNeeded: shape.fixedSize), 0)
        for leaf in shape.leaves where leaf.maximum >= 0 && leaf.offset >= row.fixedSize {
            store(UInt32(truncatingIfNeeded: packed), leaf.offset)
        }
    }

    /// Sets a scalar, or one element of an array.
    public mutating func set<Value>(_ field: RowField<Value>, _ value: Value, at index: Int = 0) {
        precondition(index >= 0 && index < field.count, "the array has fewer elements")
        if field.presence >= 0 { bytes[field.presence] = 1 }
        store(value, field.offset + index * MemoryLayout<Value>.size)
    }

    /// Sets a string or bytes. Traps where there are more bytes than the schema allows.
    public mutating func set<Value: OutputBytes & ~Escapable>(
        _ field: RowText, _ value: borrowing Value
    ) {
        let count = value.outputCount
        precondition(count <= field.maximum, "more bytes than the schema allows")
        if field.presence >= 0 { bytes[field.presence] = 1 }
        replace(field.offset, field.previousEntry, with: copied(value))
    }

    /// Makes an optional field absent. Traps where the field is not optional.
    public mutating func clear<Value>(_ field: RowField<Value>) {
        precondition(field.presence >= 0, "the field is not optional")
        let end = field.offset + field.count * MemoryLayout<Value>.size
        for position in field.presence..<end { bytes[position] = 0 }
    }

    /// Makes an optional field absent. Traps where the field is not optional.
    public mutating func clear(_ field: RowText) {
        precondition(field.presence >= 0, "the field is not optional")
        bytes[field.presence] = 0
        replace(field.offset, field.previousEntry, with: [])
    }

    /// Takes over the fields that `mask` names from the row of a patch.
    public mutating func merge(_ patch: borrowing Row, mask: UInt64) throws(Reject) {
        for leaf in shape.leaves where mask >> UInt64(leaf.field) & 1 == 1 {
            if leaf.presence >= 0 { bytes[leaf.presence] = patch.isPresent(leaf.presence) ? 1 : 0 }
            if leaf.maximum >= 0 {
                let value = try patch.get(RowText(leaf)).array
                replace(leaf.offset, leaf.previousEntry, with: value)
            } else {
                for position in leaf.offset..<leaf.offset + leaf.size {
                    bytes[position] = position < patch.fixedSize ? patch.bytes[position] : 0
                }
            }
        }
    }

    /// Replaces the packed bytes of one leaf, and moves the ends of it and of those behind it.
    private mutating func replace(_ offset: Int, _ previousEntry: Int, with value: [UInt8]) {
        let start = previousEntry < 0 ? 0 : entry(previousEntry)
        let end = entry(offset)
        bytes.replaceSubrange(shape.fixedSize + start..<shape.fixedSize + end, with: value)
        let growth = value.count - (end - start)
        guard growth != 0 else { return }
        for leaf in shape.leaves where leaf.maximum >= 0 && leaf.offset >= offset {
            store(UInt32(truncatingIfNeeded: entry(leaf.offset) + growth), leaf.offset)
        }
    }

    private func entry(_ offset: Int) -> Int {
        Int(bytes[offset]) | Int(bytes[offset + 1]) << 8 | Int(bytes[offset + 2]) << 16
            | Int(bytes[offset + 3]) << 24
    }

    private mutating func store<Value: Scalar>(_ value: Value, _ offset: Int) {
        precondition(offset >= 0 && offset + MemoryLayout<Value>.size <= bytes.count)
        // Safe: compared just now.
        bytes.withUnsafeMutableBytes { target in
            if let start = target.baseAddress { value.store(to: start + offset) }
        }
    }
}

extension RowBuilder: OutputBytes {
    public var outputCount: Int { bytes.count }

    public func copyOutput(to address: UnsafeMutableRawPointer) {
        bytes.copyOutput(to: address)
    }

    /// A copy of the row's bytes.
    public var array: [UInt8] { bytes }
}
