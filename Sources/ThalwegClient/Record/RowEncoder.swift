// Writes a row as `RowLayout` describes it: scalars straight into the fixed zone, strings and bytes
// into the packed zone, which is joined behind it at the end. A patch is the same per field, with
// lengths in place of ends. The memory is kept from row to row.

/// Packs the fields of records and patches. `@Record` writes the calls.
public struct RowEncoder: ~Copyable, Sendable {
    @usableFromInline var output = FrameWriter(capacity: 512)
    private var packed = FrameWriter(capacity: 512)
    private var isPatch = false

    public init() {}

    /// What was encoded last. Good until the next use.
    public var bytes: UnsafeRawBufferPointer { output.payload }

    /// Encodes a whole row in place of what was there.
    public mutating func encode<R: Record>(_ record: R) throws(ThalwegError) {
        let fixedSize = R.recordShape.layout.fixedSize
        isPatch = false
        output.removeAll()
        packed.removeAll()
        output.reserve(fixedSize)
        output.integer(UInt16(fixedSize))
        try record.encodeRow(into: &self)
        precondition(output.payloadCount == fixedSize, "a record encodes every field once")
        output.bytes(packed.payload)
    }

    /// Encodes a patch's values in place of what was there.
    public mutating func encode(_ patch: some RecordPatch) throws(ThalwegError) {
        isPatch = true
        output.removeAll()
        packed.removeAll()
        try patch.encodePatch(into: &self)
    }

    // MARK: One field each

    @inlinable public mutating func scalar(_ value: some RecordScalar) {
        value.encode(into: &output)
    }

    @inlinable public mutating func scalar<T: RecordScalar>(optional value: T?) {
        output.integer(UInt8(value == nil ? 0 : 1))
        (value ?? T.zero).encode(into: &output)
    }

    public mutating func string(
        _ value: String,
        max: Int,
        _ name: StaticString
    ) throws(ThalwegError) {
        var value = value
        let written: Int? = value.withUTF8 { text in
            guard text.count <= max else { return text.count }
            append(UnsafeRawBufferPointer(text))
            return nil
        }
        if let written { throw RowEncoder.tooLong(written, max, name) }
    }

    public mutating func string(
        optional value: String?,
        max: Int,
        _ name: StaticString
    ) throws(ThalwegError) {
        output.integer(UInt8(value == nil ? 0 : 1))
        try string(value ?? "", max: max, name)
    }

    public mutating func bytes(
        _ value: [UInt8],
        max: Int,
        _ name: StaticString
    ) throws(ThalwegError) {
        guard value.count <= max else { throw RowEncoder.tooLong(value.count, max, name) }
        value.withUnsafeBytes { append($0) }
    }

    public mutating func bytes(
        optional value: [UInt8]?,
        max: Int,
        _ name: StaticString
    ) throws(ThalwegError) {
        output.integer(UInt8(value == nil ? 0 : 1))
        try bytes(value ?? [], max: max, name)
    }

    public mutating func array(
        _ values: [some RecordScalar],
        count: Int,
        _ name: StaticString
    ) throws(ThalwegError) {
        guard values.count == count else {
            throw ThalwegError(
                .invalidRow,
                "field '\(name)' has \(values.count) elements, not \(count)",
                advice: "give exactly as many elements as the field declares",
                limit: UInt64(count),
                value: UInt64(values.count)
            )
        }
        for value in values { value.encode(into: &output) }
    }

    public mutating func array<T: RecordScalar>(
        optional values: [T]?,
        count: Int,
        _ name: StaticString
    ) throws(ThalwegError) {
        output.integer(UInt8(values == nil ? 0 : 1))
        if let values { return try array(values, count: count, name) }
        for _ in 0..<count { T.zero.encode(into: &output) }
    }

    public mutating func member(_ value: some RecordMember) throws(ThalwegError) {
        try value.encodeMember(into: &self)
    }

    /// Closes one field of a patch: its variable bytes follow its fixed ones.
    public mutating func endField() {
        output.bytes(packed.payload)
        packed.removeAll()
    }

    private mutating func append(_ bytes: UnsafeRawBufferPointer) {
        packed.bytes(bytes)
        output.integer(UInt32(isPatch ? bytes.count : packed.payloadCount))
    }

    private static func tooLong(_ count: Int, _ max: Int, _ name: StaticString) -> ThalwegError {
        .exceeded(
            .invalidRow,
            "the length of field '\(name)' in bytes",
            value: count,
            limit: max,
            advice: "shorten the value or declare a larger maximum"
        )
    }
}
