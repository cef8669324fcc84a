import ThalwegModel

/// The words of a line typed by hand: `SET name "Ada \"L\" \x41" 'it''s'`.
enum QuotedWords {
    static func isSpace(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: " ") || byte >= 9 && byte <= 13
    }

    /// - Throws: `invalid_frame` where quotes do not end, or end within a word.
    static func split(_ line: UnsafeRawBufferPointer) throws(ThalwegError) -> [[UInt8]] {
        var words: [[UInt8]] = []
        var place = 0
        while place < line.count {
            if isSpace(line[place]) {
                place += 1
                continue
            }
            let first = line[place]
            guard first == UInt8(ascii: "\"") || first == UInt8(ascii: "'") else {
                let start = place
                while place < line.count, !isSpace(line[place]) {
                    guard line[place] != UInt8(ascii: "\""), line[place] != UInt8(ascii: "'") else {
                        throw unbalanced
                    }
                    place += 1
                }
                words.append(Array(line[start..<place]))
                continue
            }
            words.append(try word(line, &place, quote: first))
            guard place == line.count || isSpace(line[place]) else { throw unbalanced }
        }
        return words
    }

    /// The word within quotes that begins at `place`, which goes behind it.
    private static func word(
        _ line: UnsafeRawBufferPointer, _ place: inout Int, quote: UInt8
    ) throws(ThalwegError) -> [UInt8] {
        var word: [UInt8] = []
        place += 1
        while place < line.count {
            let byte = line[place]
            place += 1
            if byte == quote { return word }
            guard byte == UInt8(ascii: "\\"), place < line.count else {
                word.append(byte)
                continue
            }
            let escaped = line[place]
            place += 1
            switch (quote, escaped) {
            case (UInt8(ascii: "'"), UInt8(ascii: "'")): word.append(escaped)
            case (UInt8(ascii: "'"), _): word += [byte, escaped]
            case (_, UInt8(ascii: "n")): word.append(UInt8(ascii: "\n"))
            case (_, UInt8(ascii: "r")): word.append(UInt8(ascii: "\r"))
            case (_, UInt8(ascii: "t")): word.append(UInt8(ascii: "\t"))
            case (_, UInt8(ascii: "x")):
                guard place + 2 <= line.count, let high = digit(line[place]),
                    let low = digit(line[place + 1])
                else {
                    word.append(escaped)
                    continue
                }
                word.append(high << 4 | low)
                place += 2
            default: word.append(escaped)
            }
        }
        throw unbalanced
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        Character(UnicodeScalar(byte)).hexDigitValue.map(UInt8.init)
    }

    private static var unbalanced: ThalwegError {
        ThalwegError(
            .invalidFrame, "the line's quotes do not end",
            advice: "end each quoted word with its quote and a space")
    }
}
