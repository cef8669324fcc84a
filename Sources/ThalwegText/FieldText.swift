package import ThalwegModel

/// A field's value as a string of its own, where there is no JSON around it: numbers in decimal, a bool
/// as 1 or 0, text and bytes as they are, a uuid and a timestamp in their usual notation, arrays and
/// structures as JSON.
package enum FieldText {
    /// `nil` for an absent optional.
    package static func bytes(_ value: Value, _ type: FieldType) -> [UInt8]? {
        switch value {
        case .null: return nil
        case .bool(let flag): return Array((flag ? "1" : "0").utf8)
        case .string(let text): return Array(text.utf8)
        case .bytes(let bytes): return bytes
        default: break
        }
        let json = RecordJSON.json(value, type)
        if case .string(let text) = json { return Array(text.utf8) }
        return Array(json.text.utf8)
    }

    /// Reads what ``bytes(_:_:)`` writes, and `true` and `false`.
    ///
    /// - Throws: `invalid_row` naming the field.
    package static func value(
        _ bytes: UnsafeRawBufferPointer, _ type: FieldType, _ name: String
    ) throws(ThalwegError) -> Value {
        switch type {
        case .optional(let wrapped): return try value(bytes, wrapped, name)
        case .bytes: return .bytes(Array(bytes))
        default: break
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw mismatch("bytes that are no text", type, name)
        }
        switch type {
        case .string: return .string(text)
        case .scalar(.bool):
            switch text {
            case "1", "true": return .bool(true)
            case "0", "false": return .bool(false)
            default: throw mismatch("'\(text.prefix(60))'", type, name)
            }
        case .scalar(.uuid):
            return try RecordJSON.value(.string(text), type, name)
        case .scalar(let scalar):
            guard let number = number(text, scalar) else {
                throw mismatch("'\(text.prefix(60))'", type, name)
            }
            return number
        default:
            return try RecordJSON.value(try JSON(parsing: text), type, name)
        }
    }

    private static func number(_ text: String, _ scalar: Scalar) -> Value? {
        switch scalar {
        case .f32, .f64: return Double(text).map { .float($0) }
        case .timestamp:
            if let time = TimestampNotation.parse(text) { return .signed(time.microseconds) }
        default: break
        }
        if let number = Int64(text) { return .signed(number) }
        return UInt64(text).map { .unsigned($0) }
    }

    private static func mismatch(_ what: String, _ type: FieldType, _ name: String) -> ThalwegError
    {
        ThalwegError(
            .invalidRow, "field '\(name)' cannot be \(what)", advice: "it is \(type.name)")
    }
}
