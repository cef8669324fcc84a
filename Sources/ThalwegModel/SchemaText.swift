extension Schema {
    /// Reads the schema language: `name: type` separated by commas or newlines.
    ///
    /// Types are the scalars by name, `string(n)`, `bytes(n)`, `[scalar; n]`, any of these with a
    /// `?` for optional, and `{name: type, …}` for a structure.
    public init(parsing text: String) throws(ThalwegError) {
        var parser = SchemaParser(text: Array(text.utf8))
        let fields = try parser.fields(until: nil)
        try self.init(fields)
    }
}

/// A recursive-descent parser of the schema language. Errors name the byte where it stopped.
private struct SchemaParser {
    let text: [UInt8]
    var position = 0
    var depth = 0

    mutating func fields(until closing: UInt8?) throws(ThalwegError) -> [Field] {
        depth += 1
        defer { depth -= 1 }
        guard depth <= 3 else { throw error("a type that is not nested this deeply") }
        var fields: [Field] = []
        while true {
            skipSpace(andCommas: true)
            if peek() == closing {
                if closing != nil { position += 1 }
                return fields
            }
            let name = word()
            guard !name.isEmpty else { throw error("a field name") }
            try expect(UInt8(ascii: ":"))
            fields.append(Field(name, try type()))
        }
    }

    private mutating func type() throws(ThalwegError) -> FieldType {
        skipSpace()
        var type: FieldType
        if take(UInt8(ascii: "[")) {
            let scalar = try scalar()
            try expect(UInt8(ascii: ";"))
            type = .array(of: scalar, count: try number())
            try expect(UInt8(ascii: "]"))
        } else if take(UInt8(ascii: "{")) {
            type = .structure(try fields(until: UInt8(ascii: "}")))
        } else {
            let start = position
            let name = word()
            if name == "string" || name == "bytes" {
                try expect(UInt8(ascii: "("))
                let max = try number()
                try expect(UInt8(ascii: ")"))
                type = name == "string" ? .string(max: max) : .bytes(max: max)
            } else {
                position = start
                type = .scalar(try scalar())
            }
        }
        skipSpace()
        if take(UInt8(ascii: "?")) { type = .optional(type) }
        return type
    }

    private mutating func scalar() throws(ThalwegError) -> Scalar {
        skipSpace()
        let start = position
        let name = word()
        guard let scalar = Scalar.allCases.first(where: { $0.name == name }) else {
            position = start
            let known = Scalar.allCases.map(\.name).joined(separator: ", ")
            throw error("a type: \(known), string(n), bytes(n), [type; n] or {name: type}")
        }
        return scalar
    }

    private mutating func number() throws(ThalwegError) -> Int {
        skipSpace()
        guard let number = Int(word()) else { throw error("a number") }
        return number
    }

    private mutating func word() -> String {
        let start = position
        while let byte = peek(), isWordByte(byte) {
            position += 1
        }
        return String(decoding: text[start..<position], as: UTF8.self)
    }

    private func isWordByte(_ byte: UInt8) -> Bool {
        (byte | 0x20) >= UInt8(ascii: "a") && (byte | 0x20) <= UInt8(ascii: "z")
            || byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") || byte == UInt8(ascii: "_")
    }

    private mutating func expect(_ byte: UInt8) throws(ThalwegError) {
        skipSpace()
        guard take(byte) else { throw error("'\(Character(UnicodeScalar(byte)))'") }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        position += 1
        return true
    }

    private mutating func skipSpace(andCommas: Bool = false) {
        while let byte = peek(),
            byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\t")
                || andCommas && byte == UInt8(ascii: ",")
        {
            position += 1
        }
    }

    private func peek() -> UInt8? {
        position < text.count ? text[position] : nil
    }

    private func error(_ expected: String) -> ThalwegError {
        ThalwegError(.invalidSchema, "expected \(expected) at byte \(position) of the schema")
    }
}
