/// A field's value when the type is known only at run time: the command line, JSON, tests.
public enum Value: Hashable, Sendable {
    /// An absent optional.
    case null
    case bool(Bool)
    case signed(Int64)
    case unsigned(UInt64)
    case float(Double)
    case string(String)
    case bytes([UInt8])
    case uuid(UniqueID)
    case array([Value])
    /// The members of a structure, in schema order.
    case structure([Value])
}

extension FieldType {
    /// What a field of this type reads as where nothing was written.
    public var defaultValue: Value {
        switch self {
        case .optional: .null
        case .string: .string("")
        case .bytes: .bytes([])
        case .array(let scalar, let count):
            .array(Array(repeating: FieldType.scalar(scalar).defaultValue, count: count))
        case .structure(let members): .structure(members.map(\.type.defaultValue))
        case .scalar(let scalar):
            switch scalar {
            case .bool: .bool(false)
            case .i8, .i16, .i32, .i64, .timestamp: .signed(0)
            case .u8, .u16, .u32, .u64: .unsigned(0)
            case .f32, .f64: .float(0)
            case .uuid: .uuid(UniqueID(high: 0, low: 0))
            }
        }
    }
}
