/// A recursive-descent parser of the schema language: `name: type`, separated by commas or newlines.
struct ShapeParser {
    private let text: [UInt8]
    private var next = 0
    private var lastEntry = -1
    private(set) var leaves: [RowShape.Leaf] = []
    /// Bytes of the fixed zone so far, with the two in front.
    private(set) var position = 2
    private(set) var fieldCount = 0

    init(_ text: [UInt8]) {
        self.text = text
    }

    mutating func run() throws(Reject) {
        skipSpace(andCommas: true)
        while next < text.count {
            try member(prefix: [])
            fieldCount += 1
            skipSpace(andCommas: true)
        }
        guard fieldCount > 0 else { throw error("a field") }
    }

    private mutating func member(prefix: [UInt8]) throws(Reject) {
        let name = word()
        guard !name.isEmpty else { throw error("the name of a field") }
        try expect(UInt8(ascii: ":"))
        skipSpace()
        guard prefix.isEmpty, take(UInt8(ascii: "{")) else {
            try leaf(prefix + name)
            return
        }
        skipSpace(andCommas: true)
        while !take(UInt8(ascii: "}")) {
            try member(prefix: prefix + name + [UInt8(ascii: ".")])
            skipSpace(andCommas: true)
        }
    }

    private mutating func leaf(_ name: [UInt8]) throws(Reject) {
        var leaf = RowShape.Leaf(
            name: name, typeName: [], field: fieldCount, offset: 0, size: 4, count: 1,
            presence: -1, maximum: -1, previousEntry: -1)
        if take(UInt8(ascii: "[")) {
            skipSpace()
            leaf.typeName = word()
            try expect(UInt8(ascii: ";"))
            leaf.count = try number()
            try expect(UInt8(ascii: "]"))
            leaf.size = try scalarSize(leaf.typeName) * leaf.count
        } else {
            leaf.typeName = word()
            if leaf.typeName == Array("string".utf8) || leaf.typeName == Array("bytes".utf8) {
                try expect(UInt8(ascii: "("))
                leaf.maximum = try number()
                try expect(UInt8(ascii: ")"))
            } else {
                leaf.size = try scalarSize(leaf.typeName)
            }
        }
        skipSpace()
        if take(UInt8(ascii: "?")) {
            leaf.presence = position
            position += 1
        }
        leaf.offset = position
        if leaf.maximum >= 0 {
            leaf.previousEntry = lastEntry
            lastEntry = position
        }
        position += leaf.size
        leaves.append(leaf)
    }

    private func scalarSize(_ name: [UInt8]) throws(Reject) -> Int {
        switch String(decoding: name, as: UTF8.self).utf8.count {
        case 2 where name == Array("i8".utf8) || name == Array("u8".utf8): return 1
        case 3 where name[1...].elementsEqual("16".utf8) && isInteger(name): return 2
        case 3 where name[1...].elementsEqual("32".utf8) && (isInteger(name) || isFloat(name)):
            return 4
        case 3 where name[1...].elementsEqual("64".utf8) && (isInteger(name) || isFloat(name)):
            return 8
        case 4 where name == Array("bool".utf8): return 1
        case 4 where name == Array("uuid".utf8): return 16
        case 9 where name == Array("timestamp".utf8): return 8
        default:
            throw error(
                "a type: bool, i8 to i64, u8 to u64, f32, f64, uuid, timestamp, string(n), "
                    + "bytes(n), [type; n] or {name: type}")
        }
    }

    private func isInteger(_ name: [UInt8]) -> Bool {
        name[0] == UInt8(ascii: "i") || name[0] == UInt8(ascii: "u")
    }

    private func isFloat(_ name: [UInt8]) -> Bool {
        name[0] == UInt8(ascii: "f")
    }

    /// A decimal number of up to seven digits.
    private mutating func number() throws(Reject) -> Int {
        skipSpace()
        let digits = word()
        var number = 0
        for digit in digits {
            guard digit >= UInt8(ascii: "0"), digit <= UInt8(ascii: "9") else {
                throw error("a number")
            }
            number = number * 10 + Int(digit - UInt8(ascii: "0"))
            guard number < 10_000_000 else { throw error("a smaller number") }
        }
        guard !digits.isEmpty else { throw error("a number") }
        return number
    }

    private mutating func word() -> [UInt8] {
        let start = next
        while next < text.count, isWordByte(text[next]) { next += 1 }
        return Array(text[start..<next])
    }

    private func isWordByte(_ byte: UInt8) -> Bool {
        (byte | 0x20) >= UInt8(ascii: "a") && (byte | 0x20) <= UInt8(ascii: "z")
            || byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9") || byte == UInt8(ascii: "_")
    }

    private mutating func expect(_ byte: UInt8) throws(Reject) {
        skipSpace()
        guard take(byte) else { throw error("'\(UnicodeScalar(byte))'") }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard next < text.count, text[next] == byte else { return false }
        next += 1
        return true
    }

    private mutating func skipSpace(andCommas: Bool = false) {
        while next < text.count,
            text[next] == UInt8(ascii: " ") || text[next] == UInt8(ascii: "\n")
                || text[next] == UInt8(ascii: "\t") || andCommas && text[next] == UInt8(ascii: ",")
        {
            next += 1
        }
    }

    private func error(_ expected: String) -> Reject {
        Reject(1, "expected \(expected) at byte \(next) of the schema")
    }
}
