/// Reads the fields of a row in order. `@Record` writes the calls.
///
/// It takes rows of older and newer versions of the schema too: fields that the row lacks read as
/// zero, empty or absent, and fields behind the last one asked for are left alone. Nothing is read
/// outside the row, whatever its bytes.
public struct RowDecoder {
    private var fixed: ByteReader
    private var packed: ByteReader
    private var packedPosition = 0

    /// Throws `invalid_row` where the bytes cannot be a row. They must outlive the decoder.
    public init(_ row: UnsafeRawBufferPointer) throws(ThalwegError) {
        // Safe: both parts are behind comparisons with `row.count`.
        guard row.count >= 2 else {
            throw ThalwegError(.invalidRow, "a row has at least 2 bytes, this one \(row.count)")
        }
        let fixedSize = Int(UInt16(littleEndian: row.loadUnaligned(as: UInt16.self)))
        guard fixedSize >= 2, fixedSize <= row.count else {
            throw ThalwegError(
                .invalidRow,
                "a row of \(row.count) bytes has a fixed zone of \(fixedSize)"
            )
        }
        fixed = ByteReader(UnsafeRawBufferPointer(rebasing: row[2..<fixedSize]))
        packed = ByteReader(UnsafeRawBufferPointer(rebasing: row[fixedSize...]))
    }

    public mutating func scalar<T: RecordScalar>(_ type: T.Type = T.self) throws(ThalwegError) -> T
    {
        if fixed.isAtEnd { return T.zero }
        return try T(from: &fixed)
    }

    public mutating func optionalScalar<T: RecordScalar>(
        _ type: T.Type = T.self
    ) throws(ThalwegError) -> T? {
        let isPresent = try presence()
        let value: T = try scalar()
        return isPresent ? value : nil
    }

    public mutating func string() throws(ThalwegError) -> String {
        guard let text = String(validating: try variable(), as: UTF8.self) else {
            throw ThalwegError(.invalidRow, "a string in a row is not UTF-8")
        }
        return text
    }

    public mutating func optionalString() throws(ThalwegError) -> String? {
        let isPresent = try presence()
        let text = try string()
        return isPresent ? text : nil
    }

    public mutating func bytes() throws(ThalwegError) -> [UInt8] {
        Array(try variable())
    }

    public mutating func optionalBytes() throws(ThalwegError) -> [UInt8]? {
        let isPresent = try presence()
        let bytes = try bytes()
        return isPresent ? bytes : nil
    }

    public mutating func array<T: RecordScalar>(count: Int) throws(ThalwegError) -> [T] {
        if fixed.isAtEnd { return Array(repeating: T.zero, count: count) }
        var values: [T] = []
        values.reserveCapacity(count)
        for _ in 0..<count { values.append(try T(from: &fixed)) }
        return values
    }

    public mutating func optionalArray<T: RecordScalar>(count: Int) throws(ThalwegError) -> [T]? {
        let isPresent = try presence()
        let values: [T] = try array(count: count)
        return isPresent ? values : nil
    }

    public mutating func member<M: RecordMember>(
        _ type: M.Type = M.self
    ) throws(ThalwegError) -> M {
        try M(member: &self)
    }

    private mutating func presence() throws(ThalwegError) -> Bool {
        try scalar(Bool.self)
    }

    /// The next string's or bytes' part of the packed zone.
    private mutating func variable() throws(ThalwegError) -> UnsafeRawBufferPointer {
        if fixed.isAtEnd { return UnsafeRawBufferPointer(start: nil, count: 0) }
        let end = Int(try fixed.integer(UInt32.self))
        guard end >= packedPosition, end - packedPosition <= packed.remaining else {
            throw ThalwegError(.invalidRow, "a string in a row ends outside it")
        }
        defer { packedPosition = end }
        return try packed.bytes(end - packedPosition)
    }
}
