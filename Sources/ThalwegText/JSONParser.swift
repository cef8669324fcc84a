// JSON as RFC 8259 has it, in one pass and in time that is proportional to its length: bodies of requests
// are read on an event loop, which has others to serve, so no value is tried as one type after the other.
// Stricter than it must be in one thing: an object names a member once.
//
// Safe: every access is behind a comparison with `bytes.count`.

struct JSONParser {
    /// Arrays and objects within one another.
    static let depth = 128

    private let bytes: UnsafeRawBufferPointer
    private var place = 0
    private var level = 0

    /// Why it is none, and where.
    struct Failure: Error {
        let reason: String
        let place: Int
    }

    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    /// The one value that the bytes are.
    mutating func parse() throws(Failure) -> JSON {
        let value = try value()
        skipSpace()
        guard place == bytes.count else { throw failure("something follows the value") }
        return value
    }

    private mutating func value() throws(Failure) -> JSON {
        skipSpace()
        guard place < bytes.count else { throw failure("it ends where a value is expected") }
        switch bytes[place] {
        case UInt8(ascii: "{"): return try nested { parser throws(Failure) in try parser.object() }
        case UInt8(ascii: "["): return try nested { parser throws(Failure) in try parser.array() }
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        default: return try number()
        }
    }

    private mutating func nested(
        _ body: (inout JSONParser) throws(Failure) -> JSON
    ) throws(Failure) -> JSON {
        guard level < Self.depth else {
            throw failure("more than \(Self.depth) arrays and objects are within one another")
        }
        level += 1
        defer { level -= 1 }
        place += 1
        return try body(&self)
    }

    private mutating func array() throws(Failure) -> JSON {
        var values: [JSON] = []
        if take(UInt8(ascii: "]")) { return .array(values) }
        repeat { values.append(try value()) } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "]")) else { throw failure("an array goes on with , or ]") }
        return .array(values)
    }

    private mutating func object() throws(Failure) -> JSON {
        var members: [JSON.Member] = []
        // Few members are compared one by one.
        var names: Set<String> = []
        if take(UInt8(ascii: "}")) { return .object(members) }
        repeat {
            skipSpace()
            guard place < bytes.count, bytes[place] == UInt8(ascii: "\"") else {
                throw failure("a member begins with its name")
            }
            let name = try string()
            let isNew =
                members.count < 8
                ? !members.contains { $0.name == name } : names.insert(name).inserted
            guard isNew else { throw failure("the object has '\(name.prefix(60))' twice") }
            guard take(UInt8(ascii: ":")) else { throw failure("a name is followed by :") }
            members.append(JSON.Member(name: name, value: try value()))
            if members.count == 8 { names = Set(members.map(\.name)) }
        } while take(UInt8(ascii: ","))
        guard take(UInt8(ascii: "}")) else { throw failure("an object goes on with , or }") }
        return .object(members)
    }

    // MARK: Words and numbers

    private mutating func word(_ word: StaticString, _ value: JSON) throws(Failure) -> JSON {
        let end = place + word.utf8CodeUnitCount
        guard end <= bytes.count,
            bytes[place..<end].elementsEqual(
                UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount))
        else { throw failure("this is no value") }
        place = end
        return value
    }

    private mutating func number() throws(Failure) -> JSON {
        let start = place
        let isNegative = place < bytes.count && bytes[place] == UInt8(ascii: "-")
        if isNegative { place += 1 }
        let first = place
        let magnitude = digits()
        let count = place - first
        guard count > 0 else { throw failure("this is no value") }
        guard count == 1 || bytes[first] != UInt8(ascii: "0") else {
            throw failure("a number does not begin with 0")
        }
        var isWhole = true
        if place < bytes.count, bytes[place] == UInt8(ascii: ".") {
            isWhole = false
            place += 1
            try needDigits()
        }
        if place < bytes.count, bytes[place] | 0x20 == UInt8(ascii: "e") {
            isWhole = false
            place += 1
            if place < bytes.count,
                bytes[place] == UInt8(ascii: "+") || bytes[place] == UInt8(ascii: "-")
            {
                place += 1
            }
            try needDigits()
        }
        if isWhole, let magnitude {
            guard isNegative else {
                return Int64(exactly: magnitude).map { .signed($0) } ?? .unsigned(magnitude)
            }
            if magnitude <= UInt64(1) << 63 { return .signed(0 &- Int64(bitPattern: magnitude)) }
        }
        let text = String(decoding: bytes[start..<place], as: UTF8.self)
        guard let number = Double(text), number.isFinite else {
            throw Failure(reason: "\(text.prefix(60)) is too large", place: start)
        }
        // 1.0 and 1e3 are whole numbers too.
        return Int64(exactly: number).map { .signed($0) } ?? .float(number)
    }

    /// Their value; `nil` where it needs more than 64 bits.
    private mutating func digits() -> UInt64? {
        var number: UInt64? = 0
        while place < bytes.count, bytes[place] >= 0x30, bytes[place] <= 0x39 {
            if let before = number {
                let (product, isLarge) = before.multipliedReportingOverflow(by: 10)
                let (sum, isLarger) = product.addingReportingOverflow(UInt64(bytes[place] - 0x30))
                number = isLarge || isLarger ? nil : sum
            }
            place += 1
        }
        return number
    }

    private mutating func needDigits() throws(Failure) {
        let start = place
        _ = digits()
        guard place > start else { throw failure("a number goes on with a digit") }
    }

    // MARK: Texts

    private mutating func string() throws(Failure) -> String {
        place += 1
        let start = place
        while place < bytes.count {
            switch bytes[place] {
            case UInt8(ascii: "\""):
                defer { place += 1 }
                return try text(bytes[start..<place])
            case UInt8(ascii: "\\"): return try escaped(from: start)
            case 0..<0x20: throw failure("a text has a control character, which is to be escaped")
            default: place += 1
            }
        }
        throw failure("a text does not end")
    }

    private func text(_ part: some Collection<UInt8>) throws(Failure) -> String {
        guard let text = String(validating: part, as: UTF8.self) else {
            throw failure("a text is not UTF-8")
        }
        return text
    }

    private mutating func escaped(from start: Int) throws(Failure) -> String {
        var text = Array(bytes[start..<place])
        while place < bytes.count {
            let byte = bytes[place]
            place += 1
            switch byte {
            case UInt8(ascii: "\""): return try self.text(text)
            case 0..<0x20: throw failure("a text has a control character, which is to be escaped")
            case UInt8(ascii: "\\"):
                guard place < bytes.count else { throw failure("a text does not end") }
                let mark = bytes[place]
                place += 1
                switch mark {
                case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(mark)
                case UInt8(ascii: "b"): text.append(8)
                case UInt8(ascii: "f"): text.append(12)
                case UInt8(ascii: "n"): text.append(10)
                case UInt8(ascii: "r"): text.append(13)
                case UInt8(ascii: "t"): text.append(9)
                case UInt8(ascii: "u"): text += try scalar()
                default: throw failure("\\ stands before \" \\ / b f n r t u only")
                }
            default: text.append(byte)
            }
        }
        throw failure("a text does not end")
    }

    /// Behind `\u`: four digits, or eight of a pair.
    private mutating func scalar() throws(Failure) -> [UInt8] {
        var code = try hexadecimal()
        if code & 0xfc00 == 0xd800 {
            guard place + 1 < bytes.count, bytes[place] == UInt8(ascii: "\\"),
                bytes[place + 1] == UInt8(ascii: "u")
            else { throw failure("half of a pair of \\u stands alone") }
            place += 2
            let low = try hexadecimal()
            guard low & 0xfc00 == 0xdc00 else {
                throw failure("half of a pair of \\u stands alone")
            }
            code = 0x10000 + (code & 0x3ff) << 10 + (low & 0x3ff)
        }
        guard let scalar = UnicodeScalar(code) else {
            throw failure("half of a pair of \\u stands alone")
        }
        return Array(String(Character(scalar)).utf8)
    }

    private mutating func hexadecimal() throws(Failure) -> UInt32 {
        guard place + 4 <= bytes.count else { throw failure("a text does not end") }
        var code: UInt32 = 0
        for byte in bytes[place..<place + 4] {
            guard let digit = Character(UnicodeScalar(byte)).hexDigitValue, byte < 0x80 else {
                throw failure("\\u is followed by four hexadecimal digits")
            }
            code = code << 4 | UInt32(digit)
        }
        place += 4
        return code
    }

    // MARK: Between

    private mutating func skipSpace() {
        while place < bytes.count {
            switch bytes[place] {
            case 0x20, 0x09, 0x0a, 0x0d: place += 1
            default: return
            }
        }
    }

    /// Goes behind `byte` if it is next.
    private mutating func take(_ byte: UInt8) -> Bool {
        skipSpace()
        guard place < bytes.count, bytes[place] == byte else { return false }
        place += 1
        return true
    }

    private func failure(_ reason: String) -> Failure { Failure(reason: reason, place: place) }
}
