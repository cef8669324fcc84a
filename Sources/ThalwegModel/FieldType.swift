/// A value of fixed size. The raw value is its number in encoded schemas.
public enum Scalar: UInt8, Hashable, Sendable, CaseIterable {
    case bool = 1
    case i8 = 2
    case i16 = 3
    case i32 = 4
    case i64 = 5
    case u8 = 6
    case u16 = 7
    case u32 = 8
    case u64 = 9
    case f32 = 10
    case f64 = 11
    case uuid = 12
    /// Microseconds since 1970 as an i64.
    case timestamp = 13

    /// Bytes in the row's fixed zone.
    public var size: Int {
        switch self {
        case .bool, .i8, .u8: 1
        case .i16, .u16: 2
        case .i32, .u32, .f32: 4
        case .i64, .u64, .f64, .timestamp: 8
        case .uuid: 16
        }
    }

    public var name: String {
        switch self {
        case .bool: "bool"
        case .i8: "i8"
        case .i16: "i16"
        case .i32: "i32"
        case .i64: "i64"
        case .u8: "u8"
        case .u16: "u16"
        case .u32: "u32"
        case .u64: "u64"
        case .f32: "f32"
        case .f64: "f64"
        case .uuid: "uuid"
        case .timestamp: "timestamp"
        }
    }
}

/// What a field holds.
public indirect enum FieldType: Hashable, Sendable {
    case scalar(Scalar)
    /// UTF-8 of at most `max` bytes.
    case string(max: Int)
    /// Opaque bytes, at most `max`.
    case bytes(max: Int)
    /// Exactly `count` scalars.
    case array(of: Scalar, count: Int)
    /// A scalar, string, bytes or array that may be absent.
    case optional(FieldType)
    /// Named members, one level deep: no structure inside.
    case structure([Field])

    /// The type as the schema language writes it: `f32`, `string(32)`, `[i16; 4]`, `u8?`.
    public var name: String {
        switch self {
        case .scalar(let scalar): scalar.name
        case .string(let max): "string(\(max))"
        case .bytes(let max): "bytes(\(max))"
        case .array(let scalar, let count): "[\(scalar.name); \(count)]"
        case .optional(let type): type.name + "?"
        case .structure(let members):
            "{" + members.map { "\($0.name): \($0.type.name)" }.joined(separator: ", ") + "}"
        }
    }
}

/// One named field of a schema or member of a structure.
public struct Field: Hashable, Sendable {
    public let name: String
    public let type: FieldType

    public init(_ name: String, _ type: FieldType) {
        self.name = name
        self.type = type
    }
}
