import ThalwegModel

/// A literal as it was written, before it takes the type of what it is compared with.
struct RawLiteral {
    enum Value {
        case bool(Bool)
        case integer(String)
        case float(String)
        case string([UInt8])
        case uuid(UniqueID)
        case bytes([UInt8])
    }

    let value: Value
    let position: Int
    /// As messages show it.
    let excerpt: String

    var description: String {
        let kind =
            switch value {
            case .bool: "the bool"
            case .integer: "the integer"
            case .float: "the float"
            case .string: "the string"
            case .uuid: "the uuid"
            case .bytes: "the bytes"
            }
        return "\(kind) \(excerpt)"
    }
}

extension Parser {
    /// A literal, or `nil` where the current token does not begin one.
    mutating func parseLiteral() throws(ThalwegError) -> RawLiteral? {
        let start = token.range.lowerBound
        var end = token.range.upperBound
        let value: RawLiteral.Value
        switch token.kind {
        case .word("true"): value = .bool(true)
        case .word("false"): value = .bool(false)
        case .integer: value = .integer(wholeToken)
        case .float: value = .float(wholeToken)
        case .string(let bytes): value = .string(bytes)
        case .word("uuid") where isCall: (value, end) = try parseUUID()
        case .word("bytes") where isCall: (value, end) = try parseBytes()
        default: return nil
        }
        try advance()
        return RawLiteral(value: value, position: start, excerpt: lexer.excerpt(start..<end))
    }

    mutating func requireLiteral() throws(ThalwegError) -> RawLiteral {
        guard let literal = try parseLiteral() else { throw expected("a value") }
        return literal
    }

    private var wholeToken: String {
        String(decoding: lexer.text[token.range], as: UTF8.self)
    }

    // Both leave the closing parenthesis as the current token.

    private mutating func parseUUID() throws(ThalwegError) -> (RawLiteral.Value, Int) {
        let text = try parseCallArgument()
        guard let id = UniqueID(text) else {
            throw expected("a uuid of 32 hexadecimal digits", advice: "write 8-4-4-4-12 digits")
        }
        try advance()
        return (.uuid(id), try endOfCall())
    }

    private mutating func parseBytes() throws(ThalwegError) -> (RawLiteral.Value, Int) {
        let digits = Array(try parseCallArgument().utf8)
        var bytes: [UInt8] = []
        var isValid = digits.count.isMultiple(of: 2)
        for index in stride(from: 0, to: digits.count - 1, by: 2) {
            let pair = String(decoding: digits[index...index + 1], as: UTF8.self)
            let isSigned = digits[index] == UInt8(ascii: "+") || digits[index] == UInt8(ascii: "-")
            guard !isSigned, let byte = UInt8(pair, radix: 16) else {
                isValid = false
                break
            }
            bytes.append(byte)
        }
        guard isValid else {
            throw expected("pairs of hexadecimal digits", advice: "write bytes(\"00ff\")")
        }
        try advance()
        return (.bytes(bytes), try endOfCall())
    }

    private mutating func parseCallArgument() throws(ThalwegError) -> String {
        try advance()
        try expect(.openParenthesis, "'('")
        guard case .string(let bytes) = token.kind else { throw expected("a string") }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func endOfCall() throws(ThalwegError) -> Int {
        guard token.kind == .closeParenthesis else { throw expected("')'") }
        return token.range.upperBound
    }

    // MARK: Types

    /// The literal as a value of the operand's type; it must fit. `isPart`: it may be shorter than
    /// a key of fixed size.
    func typed(
        _ literal: RawLiteral,
        for operand: Operand,
        isPart: Bool = false
    ) throws(ThalwegError) -> Literal {
        switch (operand.domain, literal.value) {
        case (.bool, .bool(let flag)): return .bool(flag)
        case (.signed(let bits), .integer(let digits)):
            guard let number = Int64(digits), number >> (bits - 1) == number >> 63 else {
                throw outOfRange(literal, operand)
            }
            return .signed(number)
        case (.unsigned(let bits), .integer(let digits)):
            guard let number = UInt64(digits), bits == 64 || number >> UInt64(bits) == 0 else {
                throw outOfRange(literal, operand)
            }
            return .unsigned(number)
        case (.timestamp, .integer(let digits)):
            guard let number = Int64(digits) else { throw outOfRange(literal, operand) }
            return .signed(number)
        case (.timestamp, .string(let bytes)):
            guard let timestamp = TimestampText.parse(bytes) else {
                throw .filter(
                    "expected a timestamp at byte \(literal.position), found"
                        + " \(literal.description)",
                    advice: "write microseconds or \"2026-01-31T12:00:00.5Z\""
                )
            }
            return .signed(timestamp.microseconds)
        case (.single, .integer(let digits)), (.single, .float(let digits)):
            guard let number = Float(digits), number.isFinite else {
                throw outOfRange(literal, operand)
            }
            return .single(number + 0)
        case (.double, .integer(let digits)), (.double, .float(let digits)):
            guard let number = Double(digits), number.isFinite else {
                throw outOfRange(literal, operand)
            }
            return .double(number + 0)
        case (.uuid, .uuid(let id)): return .uuid(id)
        case (.text, .string(let bytes)): return .text(bytes)
        case (.bytes, .bytes(let bytes)):
            if operand.place.load == .keyBytes, !isPart, bytes.count != 32 {
                throw outOfRange(literal, operand)
            }
            return .bytes(bytes)
        default:
            throw .filter(
                "expected a value of type \(operand.typeName) for '\(operand.path)' at byte"
                    + " \(literal.position), found \(literal.description)",
                advice: Parser.advice(for: operand.domain)
            )
        }
    }

    private func outOfRange(_ literal: RawLiteral, _ operand: Operand) -> ThalwegError {
        .filter(
            "expected a value that fits '\(operand.path)' of type \(operand.typeName) at byte"
                + " \(literal.position), found \(literal.description)",
            advice: "use a value of the field's range"
        )
    }

    private static func advice(for domain: Domain) -> String {
        switch domain {
        case .bool: "write true or false"
        case .signed, .unsigned: "write a whole number without a point"
        case .single, .double: "write a number"
        case .timestamp: "write microseconds or \"2026-01-31T12:00:00Z\""
        case .uuid: "write uuid(\"00000000-0000-0000-0000-000000000000\")"
        case .text: "write a string in double quotes"
        case .bytes: "write bytes(\"00ff\") in hexadecimal"
        case .array: "compare one element"
        }
    }
}
