package import ThalwegModel

/// A JSON value as people and programs write and read it. Members keep their order when printed.
package indirect enum JSON: Hashable {
    case null
    case bool(Bool)
    case signed(Int64)
    case unsigned(UInt64)
    case float(Double)
    case string(String)
    case array([JSON])
    case object([Member])

    package struct Member: Hashable {
        package var name: String
        package var value: JSON

        package init(name: String, value: JSON) {
            self.name = name
            self.value = value
        }
    }

    /// An object of `members` in their order.
    package static func members(_ members: KeyValuePairs<String, JSON>) -> JSON {
        .object(members.map { Member(name: $0.key, value: $0.value) })
    }

    /// Reads one JSON value. Throws `invalid_row` that says where it is none.
    package init(parsing text: String) throws(ThalwegError) {
        var text = text
        self = try text.withUTF8 { text in
            Result { () throws(ThalwegError) in try JSON(parsing: UnsafeRawBufferPointer(text)) }
        }.get()
    }

    /// Reads one JSON value. Throws `invalid_row` that says where it is none.
    package init(parsing bytes: UnsafeRawBufferPointer) throws(ThalwegError) {
        var parser = JSONParser(bytes)
        do throws(JSONParser.Failure) {
            self = try parser.parse()
        } catch {
            let start = String(decoding: bytes.prefix(60), as: UTF8.self)
            throw ThalwegError(
                .invalidRow, "'\(start)' is not JSON: \(error.reason) (at byte \(error.place))",
                advice: "write an object such as '{\"x\": 1.5}'")
        }
    }

    /// One line of JSON.
    package var text: String {
        switch self {
        case .null: "null"
        case .bool(let flag): flag ? "true" : "false"
        case .signed(let number): String(number)
        case .unsigned(let number): String(number)
        case .float(let number): JSON.text(of: number)
        case .string(let text): JSON.quoted(text)
        case .array(let values): "[" + values.map(\.text).joined(separator: ", ") + "]"
        case .object(let members):
            "{"
                + members.map { "\(JSON.quoted($0.name)): \($0.value.text)" }
                .joined(separator: ", ") + "}"
        }
    }

    /// JSON has no NaN and no infinity: they are texts, and are read back as such.
    private static func text(of number: Double) -> String {
        if number.isNaN { return "\"NaN\"" }
        if number.isInfinite { return number < 0 ? "\"-Infinity\"" : "\"Infinity\"" }
        return "\(number)"
    }

    private static func quoted(_ text: String) -> String {
        var quoted = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": quoted += "\\\""
            case "\\": quoted += "\\\\"
            case "\n": quoted += "\\n"
            case "\r": quoted += "\\r"
            case "\t": quoted += "\\t"
            case _ where scalar.value < 0x20 || scalar.value == 0x7f:
                let digits = String(scalar.value, radix: 16)
                quoted += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: quoted.unicodeScalars.append(scalar)
            }
        }
        return quoted + "\""
    }
}
