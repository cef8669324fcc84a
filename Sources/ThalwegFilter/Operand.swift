import ThalwegModel

/// What values a field or key holds, as far as comparing goes.
enum Domain: Hashable, Sendable {
    case bool
    case signed(bits: Int)
    case unsigned(bits: Int)
    case single
    case double
    case timestamp
    case uuid
    case text
    case bytes
    /// A whole array: only its presence can be asked for.
    case array

    /// Domains of one family can be compared with each other.
    enum Family: Hashable {
        case truth
        case number
        case uuid
        case text
        case bytes
        case array
    }

    var family: Family {
        switch self {
        case .bool: .truth
        case .signed, .unsigned, .single, .double, .timestamp: .number
        case .uuid: .uuid
        case .text: .text
        case .bytes: .bytes
        case .array: .array
        }
    }
}

/// A field, structure member, array element or the key, resolved against the schema.
struct Operand: Hashable, Sendable {
    /// As canonical text writes it.
    let path: String
    /// The type as the schema writes it, for messages.
    let typeName: String
    let domain: Domain
    let place: Place
    /// The top-level field; `nil` for the key.
    let field: Int?

    var isOptional: Bool { place.presence != 0 }
}

/// Where a value stands and how it is loaded: eight bytes of an instruction.
///
/// Offsets count from the row's start, as in `Leaf`; they are the same in the rows of every version
/// of the schema, because fields are only appended. Offset 0 is the row's length and so means
/// "none" for `presence` and `previousEnd`.
struct Place: Hashable, Sendable {
    enum Load: UInt8, Hashable, Sendable {
        case i8
        case i16
        case i32
        case i64
        case u8
        case u16
        case u32
        case u64
        case f32
        case f64
        case keyInteger
        case uuid
        case variable
        case keyBytes
        case keyText
    }

    var load: Load
    var offset: UInt16 = 0
    /// The presence byte, or 0 where the value is never absent.
    var presence: UInt16 = 0
    /// The directory entry before this one, where a variable value begins; 0 for the first.
    var previousEnd: UInt16 = 0

    static let none = Place(load: .u8)
}
