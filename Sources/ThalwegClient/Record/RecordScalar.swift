/// A value of fixed size that a record's field, array or optional can hold.
public protocol RecordScalar: Sendable {
    static var scalar: Scalar { get }
    /// What a field reads as where nothing was written: all bytes zero.
    static var zero: Self { get }
    func encode(into output: inout FrameWriter)
    init(from reader: inout ByteReader) throws(ThalwegError)
}

/// The integers: their bytes, little-endian.
public protocol RecordInteger: RecordScalar, FixedWidthInteger, BitwiseCopyable {}

extension RecordInteger {
    @inlinable public func encode(into output: inout FrameWriter) { output.integer(self) }

    @inlinable public init(from reader: inout ByteReader) throws(ThalwegError) {
        self = try reader.integer(Self.self)
    }
}

extension Int8: RecordInteger { public static var scalar: Scalar { .i8 } }
extension Int16: RecordInteger { public static var scalar: Scalar { .i16 } }
extension Int32: RecordInteger { public static var scalar: Scalar { .i32 } }
extension Int64: RecordInteger { public static var scalar: Scalar { .i64 } }
extension UInt8: RecordInteger { public static var scalar: Scalar { .u8 } }
extension UInt16: RecordInteger { public static var scalar: Scalar { .u16 } }
extension UInt32: RecordInteger { public static var scalar: Scalar { .u32 } }
extension UInt64: RecordInteger { public static var scalar: Scalar { .u64 } }

extension Bool: RecordScalar {
    public static var scalar: Scalar { .bool }
    @inlinable public static var zero: Bool { false }
    @inlinable public func encode(into output: inout FrameWriter) {
        output.integer(UInt8(self ? 1 : 0))
    }

    public init(from reader: inout ByteReader) throws(ThalwegError) {
        let byte = try reader.integer(UInt8.self)
        guard byte <= 1 else {
            throw ThalwegError(.invalidRow, "a bool in a row is \(byte), not 0 or 1")
        }
        self = byte == 1
    }
}

extension Float: RecordScalar {
    public static var scalar: Scalar { .f32 }
    @inlinable public func encode(into output: inout FrameWriter) { output.integer(bitPattern) }
    @inlinable public init(from reader: inout ByteReader) throws(ThalwegError) {
        self.init(bitPattern: try reader.integer())
    }
}

extension Double: RecordScalar {
    public static var scalar: Scalar { .f64 }
    @inlinable public func encode(into output: inout FrameWriter) { output.integer(bitPattern) }
    @inlinable public init(from reader: inout ByteReader) throws(ThalwegError) {
        self.init(bitPattern: try reader.integer())
    }
}

extension UniqueID: RecordScalar {
    public static var scalar: Scalar { .uuid }
    public static var zero: UniqueID { UniqueID(high: 0, low: 0) }
    @inlinable public func encode(into output: inout FrameWriter) {
        output.integer(high.bigEndian)
        output.integer(low.bigEndian)
    }

    @inlinable public init(from reader: inout ByteReader) throws(ThalwegError) {
        // `integer` reads little-endian; the bytes stand in reading order.
        let high = try reader.integer(UInt64.self).byteSwapped
        self.init(high: high, low: try reader.integer(UInt64.self).byteSwapped)
    }
}

extension Timestamp: RecordScalar {
    public static var scalar: Scalar { .timestamp }
    public static var zero: Timestamp { Timestamp(microseconds: 0) }
    @inlinable public func encode(into output: inout FrameWriter) { output.integer(microseconds) }
    @inlinable public init(from reader: inout ByteReader) throws(ThalwegError) {
        self.init(microseconds: try reader.integer())
    }
}
