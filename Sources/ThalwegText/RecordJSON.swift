package import ThalwegModel

/// A topic's rows from and to JSON objects.
///
/// Numbers are numbers, optionals may be null, arrays are arrays, structures are objects. A uuid is
/// its usual text, bytes are hexadecimal digits, a timestamp is `2026-01-31T12:00:00.000000Z` or
/// microseconds since 1970, and floats that JSON lacks are "NaN", "Infinity" and "-Infinity".
package enum RecordJSON {
    /// The object of a row's values, in schema order.
    package static func object(_ values: [Value], _ schema: Schema) -> JSON {
        .object(
            zip(schema.fields, values).map { field, value in
                JSON.Member(name: field.name, value: json(value, field.type))
            })
    }

    /// One value for each field. A field may be left out only if it is optional.
    ///
    /// - Throws: `invalid_row` naming the field.
    package static func values(_ json: JSON, _ schema: Schema) throws(ThalwegError) -> [Value] {
        try values(json, schema.fields, path: "")
    }

    /// The fields that the object names, by their positions.
    ///
    /// - Throws: `invalid_row` naming the field.
    package static func patch(
        _ json: JSON, _ schema: Schema
    ) throws(ThalwegError) -> [(field: Int, value: Value)] {
        let members = try members(of: json, schema.fields, path: "")
        var patch: [(field: Int, value: Value)] = []
        for (index, field) in schema.fields.enumerated() {
            guard let member = members[field.name] else { continue }
            patch.append((index, try value(member, field.type, field.name)))
        }
        guard !patch.isEmpty else {
            throw ThalwegError(.invalidRow, "the patch names no field", advice: "name at least one")
        }
        return patch
    }

    // MARK: To JSON

    package static func json(_ value: Value, _ type: FieldType) -> JSON {
        switch (value, type) {
        case (.null, _): .null
        case (_, .optional(let wrapped)): json(value, wrapped)
        case (.bool(let flag), _): .bool(flag)
        case (.signed(let number), .scalar(.timestamp)):
            .string(TimestampNotation.text(Timestamp(microseconds: number)))
        case (.signed(let number), _): .signed(number)
        case (.unsigned(let number), _): .unsigned(number)
        case (.float(let number), .scalar(.f32)): .float(shortest(Float(number)))
        case (.float(let number), _): .float(number)
        case (.string(let text), _): .string(text)
        case (.bytes(let bytes), _): .string(hexadecimal(bytes))
        case (.uuid(let id), _): .string(id.description)
        case (.array(let values), .array(let scalar, _)):
            .array(values.map { json($0, .scalar(scalar)) })
        case (.structure(let values), .structure(let members)):
            .object(
                zip(members, values).map {
                    JSON.Member(name: $0.name, value: json($1, $0.type))
                })
        case (.array, _), (.structure, _): .null
        }
    }

    /// 0.1 as an f32 prints as 0.1, not as the double next to it.
    private static func shortest(_ number: Float) -> Double {
        Double("\(number)") ?? Double(number)
    }

    package static func hexadecimal(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    // MARK: From JSON

    private static func values(
        _ json: JSON, _ fields: [Field], path: String
    ) throws(ThalwegError) -> [Value] {
        let members = try members(of: json, fields, path: path)
        var values: [Value] = []
        for field in fields {
            let name = path + field.name
            if let member = members[field.name] {
                values.append(try value(member, field.type, name))
            } else if case .optional = field.type {
                values.append(.null)
            } else {
                throw ThalwegError(
                    .invalidRow, "field '\(name)' is missing",
                    advice: "name every field that is not optional, or write some with --patch")
            }
        }
        return values
    }

    private static func members(
        of json: JSON, _ fields: [Field], path: String
    ) throws(ThalwegError) -> [String: JSON] {
        guard case .object(let members) = json else {
            let what = path.isEmpty ? "the record" : "field '\(path.dropLast())'"
            throw ThalwegError(.invalidRow, "\(what) is not a JSON object")
        }
        var found: [String: JSON] = [:]
        for member in members {
            guard fields.contains(where: { $0.name == member.name }) else {
                throw ThalwegError(
                    .invalidRow, "there is no field '\(path)\(member.name)'",
                    advice: "the fields are " + fields.map(\.name).joined(separator: ", "))
            }
            found[member.name] = member.value
        }
        return found
    }

    package static func value(
        _ json: JSON, _ type: FieldType, _ name: String
    ) throws(ThalwegError) -> Value {
        switch (type, json) {
        case (.optional, .null): return .null
        case (.optional(let wrapped), _): return try value(json, wrapped, name)
        case (.string, .string(let text)): return .string(text)
        case (.bytes, .string(let digits)):
            if let bytes = bytes(hexadecimal: digits) { return .bytes(bytes) }
        case (.array(let scalar, let count), .array(let elements)):
            guard elements.count == count else {
                throw ThalwegError(
                    .invalidRow, "field '\(name)' has \(elements.count) elements, not \(count)")
            }
            var values: [Value] = []
            for element in elements { values.append(try value(element, .scalar(scalar), name)) }
            return .array(values)
        case (.structure(let members), _):
            return .structure(try values(json, members, path: name + "."))
        case (.scalar(let scalar), _):
            if let value = value(json, scalar) { return value }
        default: break
        }
        throw ThalwegError(
            .invalidRow, "field '\(name)' cannot be \(json.text.prefix(60))",
            advice: "it is \(type.name)")
    }

    private static func value(_ json: JSON, _ scalar: Scalar) -> Value? {
        switch (scalar, json) {
        case (.bool, .bool(let flag)): return .bool(flag)
        case (.uuid, .string(let text)): return UniqueID(text).map { .uuid($0) }
        case (.timestamp, .string(let text)):
            return TimestampNotation.parse(text).map { .signed($0.microseconds) }
        case (.f32, _), (.f64, _): return float(json).map { .float($0) }
        case (.bool, _), (.uuid, _): return nil
        case (_, .signed(let number)): return .signed(number)
        case (_, .unsigned(let number)): return .unsigned(number)
        default: return nil
        }
    }

    private static func float(_ json: JSON) -> Double? {
        switch json {
        case .float(let number): number
        case .signed(let number): Double(number)
        case .unsigned(let number): Double(number)
        case .string("NaN"): .nan
        case .string("Infinity"): .infinity
        case .string("-Infinity"): -.infinity
        default: nil
        }
    }

    package static func bytes(hexadecimal digits: String) -> [UInt8]? {
        let characters = Array(digits)
        guard characters.count.isMultiple(of: 2) else { return nil }
        var bytes: [UInt8] = []
        for index in stride(from: 0, to: characters.count, by: 2) {
            guard characters[index].isASCII, let high = characters[index].hexDigitValue,
                characters[index + 1].isASCII, let low = characters[index + 1].hexDigitValue
            else { return nil }
            bytes.append(UInt8(high << 4 | low))
        }
        return bytes
    }
}
