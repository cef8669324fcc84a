import ThalwegModel

/// A value in a filter, with the type of what it is compared with.
enum Literal: Hashable, Sendable {
    case bool(Bool)
    case signed(Int64)
    case unsigned(UInt64)
    /// Rounded to the field's precision; never NaN, infinite or negative zero.
    case single(Float)
    case double(Double)
    case uuid(UniqueID)
    case text([UInt8])
    case bytes([UInt8])

    /// As the value of a number or bool in the domain of its instruction.
    var bits: UInt64 {
        switch self {
        case .bool(let flag): flag ? 1 : 0
        case .signed(let number): UInt64(bitPattern: number)
        case .unsigned(let number): number
        case .single(let number): Double(number).bitPattern
        case .double(let number): number.bitPattern
        case .uuid, .text, .bytes: preconditionFailure("a literal of bytes has no bits")
        }
    }

    /// As the bytes that are compared; `nil` for numbers and bools.
    var comparedBytes: [UInt8]? {
        switch self {
        case .text(let bytes), .bytes(let bytes): bytes
        case .uuid(let id):
            withUnsafeBytes(of: id.high.bigEndian) { Array($0) }
                + withUnsafeBytes(of: id.low.bigEndian) { Array($0) }
        case .bool, .signed, .unsigned, .single, .double: nil
        }
    }

    /// The order of a canonical list; both sides have the same case.
    static func precedes(_ left: Literal, _ right: Literal) -> Bool {
        switch (left, right) {
        case (.signed(let left), .signed(let right)): left < right
        case (.single(let left), .single(let right)): left < right
        case (.double(let left), .double(let right)): left < right
        default:
            if let left = left.comparedBytes, let right = right.comparedBytes {
                left.lexicographicallyPrecedes(right)
            } else {
                left.bits < right.bits
            }
        }
    }

    /// As the filter language writes it; reads back as the same literal.
    var text: String {
        switch self {
        case .bool(let flag): flag ? "true" : "false"
        case .signed(let number): String(number)
        case .unsigned(let number): String(number)
        case .single(let number): number.description
        case .double(let number): number.description
        case .uuid(let id): "uuid(\"\(id)\")"
        case .text(let bytes): "\"\(Literal.escaped(bytes))\""
        case .bytes(let bytes):
            "bytes(\"" + bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() + "\")"
        }
    }

    private static func escaped(_ bytes: [UInt8]) -> String {
        var text = ""
        for scalar in String(decoding: bytes, as: UTF8.self).unicodeScalars {
            switch scalar {
            case "\"": text += "\\\""
            case "\\": text += "\\\\"
            case "\n": text += "\\n"
            case "\r": text += "\\r"
            case "\t": text += "\\t"
            case "\0": text += "\\0"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
