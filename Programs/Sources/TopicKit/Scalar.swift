/// A value of fixed size that keys, values and rows hold in little-endian order.
///
/// `Int` and `UInt` are none: they have 4 bytes in a module and 8 in its native tests.
public protocol Scalar: BitwiseCopyable {
    /// What an absent field reads as.
    static var zero: Self { get }
    /// Reads `MemoryLayout<Self>.size` bytes.
    static func load(from address: UnsafeRawPointer) -> Self
    /// Writes `MemoryLayout<Self>.size` bytes.
    func store(to address: UnsafeMutableRawPointer)
    /// What the schema language calls it; a timestamp is an `i64`.
    static var typeName: StaticString { get }
}

// Safe, in this whole file: the callers of `load` and `store` have compared the size with what there
// is, and nothing assumes an alignment.
extension Scalar where Self: FixedWidthInteger {
    public static func load(from address: UnsafeRawPointer) -> Self {
        Self(littleEndian: address.loadUnaligned(as: Self.self))
    }

    public func store(to address: UnsafeMutableRawPointer) {
        address.storeBytes(of: littleEndian, as: Self.self)
    }
}

extension Int8: Scalar { public static var typeName: StaticString { "i8" } }
extension Int16: Scalar { public static var typeName: StaticString { "i16" } }
extension Int32: Scalar { public static var typeName: StaticString { "i32" } }
extension Int64: Scalar { public static var typeName: StaticString { "i64" } }
extension UInt8: Scalar { public static var typeName: StaticString { "u8" } }
extension UInt16: Scalar { public static var typeName: StaticString { "u16" } }
extension UInt32: Scalar { public static var typeName: StaticString { "u32" } }
extension UInt64: Scalar { public static var typeName: StaticString { "u64" } }

extension Float: Scalar {
    public static var typeName: StaticString { "f32" }

    public static func load(from address: UnsafeRawPointer) -> Float {
        Float(bitPattern: UInt32.load(from: address))
    }

    public func store(to address: UnsafeMutableRawPointer) {
        bitPattern.store(to: address)
    }
}

extension Double: Scalar {
    public static var typeName: StaticString { "f64" }

    public static func load(from address: UnsafeRawPointer) -> Double {
        Double(bitPattern: UInt64.load(from: address))
    }

    public func store(to address: UnsafeMutableRawPointer) {
        bitPattern.store(to: address)
    }
}

extension Bool: Scalar {
    public static var zero: Bool { false }
    public static var typeName: StaticString { "bool" }

    public static func load(from address: UnsafeRawPointer) -> Bool {
        address.load(as: UInt8.self) != 0
    }

    public func store(to address: UnsafeMutableRawPointer) {
        address.storeBytes(of: self ? 1 : 0, as: UInt8.self)
    }
}
