import ThalwegModel

/// Cuts a filter's text into tokens. Every error says at which byte.
struct Lexer {
    let text: [UInt8]
    private var position = 0

    init(_ text: String) {
        self.text = Array(text.utf8)
    }

    /// The next token; `.end` for ever after the last one.
    mutating func next() throws(ThalwegError) -> Token {
        skipSpace()
        let start = position
        guard let byte = peek() else { return Token(kind: .end, range: start..<start) }
        let kind: Token.Kind
        switch byte {
        case UInt8(ascii: "("): kind = single(.openParenthesis)
        case UInt8(ascii: ")"): kind = single(.closeParenthesis)
        case UInt8(ascii: "["): kind = single(.openBracket)
        case UInt8(ascii: "]"): kind = single(.closeBracket)
        case UInt8(ascii: ","): kind = single(.comma)
        case UInt8(ascii: "."): kind = single(.dot)
        case UInt8(ascii: "\""): kind = .string(try string())
        case UInt8(ascii: "`"): kind = .quotedWord(try quotedWord())
        case UInt8(ascii: "<"): kind = .relation(ordering(.less, .lessOrEqual))
        case UInt8(ascii: ">"): kind = .relation(ordering(.greater, .greaterOrEqual))
        case UInt8(ascii: "="), UInt8(ascii: "!"): kind = .relation(try equality(byte))
        case _ where isDigit(byte) || byte == UInt8(ascii: "-"): kind = try number()
        case _ where isWordByte(byte): kind = .word(word())
        default: throw unexpected()
        }
        return Token(kind: kind, range: start..<position)
    }

    /// Whether `byte` is the next that is not white space.
    func isNext(_ byte: UInt8) -> Bool {
        var lexer = self
        lexer.skipSpace()
        return lexer.peek() == byte
    }

    /// The text of a range, for error messages; long ones are cut.
    func excerpt(_ range: Range<Int>) -> String {
        let limit = 48
        let shown = range.count > limit ? range.lowerBound..<range.lowerBound + limit : range
        let text = String(decoding: text[shown], as: UTF8.self)
        return range.count > limit ? text + "…" : text
    }

    // MARK: Symbols and words

    private mutating func single(_ kind: Token.Kind) -> Token.Kind {
        position += 1
        return kind
    }

    private mutating func ordering(_ strict: Relation, _ loose: Relation) -> Relation {
        position += 1
        return take(UInt8(ascii: "=")) ? loose : strict
    }

    private mutating func equality(_ first: UInt8) throws(ThalwegError) -> Relation {
        let start = position
        position += 1
        guard take(UInt8(ascii: "=")) else {
            let isEqual = first == UInt8(ascii: "=")
            throw .filter(
                "expected '\(isEqual ? "==" : "!=")' at byte \(start),"
                    + " found '\(isEqual ? "=" : "!")'",
                advice: isEqual ? "equality is written ==" : "negation is written not"
            )
        }
        return first == UInt8(ascii: "=") ? .equal : .notEqual
    }

    private mutating func word() -> String {
        let start = position
        while let byte = peek(), isWordByte(byte) { position += 1 }
        return String(decoding: text[start..<position], as: UTF8.self)
    }

    private mutating func quotedWord() throws(ThalwegError) -> String {
        let start = position
        position += 1
        let name = word()
        guard !name.isEmpty, take(UInt8(ascii: "`")) else {
            throw .filter(
                "expected a field name in backticks at byte \(start),"
                    + " found '\(excerpt(start..<min(position + 1, text.count)))'",
                advice: "write `name`"
            )
        }
        return name
    }

    // MARK: Numbers

    private mutating func number() throws(ThalwegError) -> Token.Kind {
        let start = position
        _ = take(UInt8(ascii: "-"))
        try digits(from: start)
        var isFloat = false
        if peek() == UInt8(ascii: ".") {
            position += 1
            isFloat = true
            try digits(from: start)
        }
        if take(UInt8(ascii: "e")) || take(UInt8(ascii: "E")) {
            isFloat = true
            _ = take(UInt8(ascii: "+")) || take(UInt8(ascii: "-"))
            try digits(from: start)
        }
        if let byte = peek(), isWordByte(byte) {
            position += 1
            throw malformedNumber(start)
        }
        return isFloat ? .float : .integer
    }

    private mutating func digits(from start: Int) throws(ThalwegError) {
        let first = position
        while let byte = peek(), isDigit(byte) { position += 1 }
        if position == first {
            position = min(position + 1, text.count)
            throw malformedNumber(start)
        }
    }

    private func malformedNumber(_ start: Int) -> ThalwegError {
        .filter(
            "expected a number at byte \(start), found '\(excerpt(start..<position))'",
            advice: "write numbers as 20, -3, 0.5 or 1e-9"
        )
    }

    // MARK: Strings

    private mutating func string() throws(ThalwegError) -> [UInt8] {
        let start = position
        position += 1
        var bytes: [UInt8] = []
        while let byte = peek() {
            position += 1
            if byte == UInt8(ascii: "\"") { return bytes }
            if byte == UInt8(ascii: "\\") {
                try escape(into: &bytes)
            } else {
                bytes.append(byte)
            }
        }
        throw .filter(
            "expected '\"' to end the string that begins at byte \(start),"
                + " found the end of the filter",
            advice: "close the string, and write \\\" for a quote inside it"
        )
    }

    private mutating func escape(into bytes: inout [UInt8]) throws(ThalwegError) {
        let start = position - 1
        let byte = peek()
        position = min(position + 1, text.count)
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(byte ?? 0)
        case UInt8(ascii: "n"): bytes.append(10)
        case UInt8(ascii: "r"): bytes.append(13)
        case UInt8(ascii: "t"): bytes.append(9)
        case UInt8(ascii: "0"): bytes.append(0)
        case UInt8(ascii: "u"):
            guard let scalar = scalarEscape() else { throw badEscape(start) }
            bytes.append(contentsOf: String(Character(scalar)).utf8)
        default: throw badEscape(start)
        }
    }

    /// `{` 1 to 6 hexadecimal digits `}` of a Unicode scalar.
    private mutating func scalarEscape() -> Unicode.Scalar? {
        guard take(UInt8(ascii: "{")) else { return nil }
        let digits = word()
        guard digits.utf8.count <= 6, let number = UInt32(digits, radix: 16),
            take(UInt8(ascii: "}"))
        else { return nil }
        return Unicode.Scalar(number)
    }

    private func badEscape(_ start: Int) -> ThalwegError {
        .filter(
            "expected an escape at byte \(start), found '\(excerpt(start..<position))'",
            advice: "the escapes are \\\" \\\\ \\n \\r \\t \\0 and \\u{1F30A}"
        )
    }

    // MARK: Bytes

    private func unexpected() -> ThalwegError {
        var end = position + 1
        while end < text.count, text[end] & 0xC0 == 0x80 { end += 1 }
        let found = excerpt(position..<end)
        let advice =
            switch found {
            case "&": "write and"
            case "|": "write or"
            case "'": "strings stand in double quotes"
            default: "quote text as \"…\""
            }
        return .filter(
            "expected a field, a value or an operator at byte \(position), found '\(found)'",
            advice: advice
        )
    }

    private mutating func skipSpace() {
        while let byte = peek(), byte == 32 || byte >= 9 && byte <= 13 { position += 1 }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        position += 1
        return true
    }

    private func peek() -> UInt8? {
        position < text.count ? text[position] : nil
    }

    private func isDigit(_ byte: UInt8) -> Bool {
        byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
    }

    private func isWordByte(_ byte: UInt8) -> Bool {
        (byte | 0x20) >= UInt8(ascii: "a") && (byte | 0x20) <= UInt8(ascii: "z")
            || isDigit(byte) || byte == UInt8(ascii: "_")
    }
}

extension ThalwegError {
    /// An `invalid_filter` error; its message says at which byte.
    static func filter(_ message: String, advice: String) -> ThalwegError {
        ThalwegError(.invalidFilter, message, advice: advice)
    }
}
