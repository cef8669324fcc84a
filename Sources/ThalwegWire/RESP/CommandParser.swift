// A client's commands in the Redis protocol:
//
//   command = "*" count CRLF (argument × count)            argument = "$" length CRLF bytes CRLF
//           | words CRLF                                   typed by hand: white space between, quotes around
//
// A command that has arrived in part is taken up where it was left, so what comes in small pieces costs
// no more than what comes at once.
public import ThalwegModel

/// Finds the commands in bytes received so far, in place.
///
///     var parser = CommandParser()
///     while try parser.next(in: rest) {                       // rest begins with a command
///         run(parser.arguments)                               // ranges of `rest`
///         rest = rest[parser.byteCount...]
///         parser.forget()
///     }
///
/// After an error the stream cannot be trusted: close the connection.
public struct CommandParser {
    /// Arguments of one command, its name included.
    public static let argumentLimit = 1 << 20
    /// Bytes of a command typed by hand, and of a line that says a count or a length.
    public static let lineBytes = 64 << 10

    private let maximumBytes: Int
    /// Where the arguments are that were found so far.
    public private(set) var arguments: [Range<Int>] = []
    /// Bytes of the whole command, once it is there.
    public private(set) var byteCount = 0
    /// The words of a line with quotes, which do not lie in it as they are meant.
    public private(set) var unquoted: [[UInt8]] = []
    /// How many arguments the command has; `nil` until its first line is there.
    private var expected: Int?
    private var position = 0

    /// - Parameter maximumBytes: of one command.
    public init(maximumBytes: Int = Limits.frameBytes) {
        self.maximumBytes = maximumBytes
    }

    /// Gets ready for the next command.
    public mutating func forget() {
        arguments.removeAll(keepingCapacity: true)
        unquoted = []
        expected = nil
        position = 0
        byteCount = 0
    }

    /// Whether a command is whole at the start of `bytes`, which begin where they did before and may
    /// have become more. One without arguments is no command and is passed over.
    ///
    /// - Throws: `invalid_frame` where the bytes are none, `frame_too_large` where it is too long.
    public mutating func next(in bytes: UnsafeRawBufferPointer) throws(ThalwegError) -> Bool {
        if expected == nil {
            guard bytes.count > 0 else { return false }
            guard bytes[0] == UInt8(ascii: "*") else { return try inline(bytes) }
            guard let count = try number(bytes, Self.argumentLimit, "arguments") else {
                return false
            }
            expected = max(count, 0)
            arguments.reserveCapacity(min(max(count, 0), 1_024))
        }
        while arguments.count < expected ?? 0 {
            guard position < bytes.count else { return false }
            guard bytes[position] == UInt8(ascii: "$") else {
                throw Self.broken("an argument begins with '$'")
            }
            let start = position
            guard let length = try number(bytes, maximumBytes, "bytes of an argument") else {
                return false
            }
            guard length >= 0 else { throw Self.broken("an argument is not null") }
            let end = position + length
            guard end + 2 <= maximumBytes else { throw tooLarge(end + 2) }
            guard end + 2 <= bytes.count else {
                position = start
                return false
            }
            guard bytes[end] == UInt8(ascii: "\r"), bytes[end + 1] == UInt8(ascii: "\n") else {
                throw Self.broken("an argument of \(length) bytes ends with CRLF")
            }
            arguments.append(position..<end)
            position = end + 2
        }
        byteCount = position
        return true
    }

    /// Reads `*12` or `$12` and its line's end, and goes behind it; `nil` where it is not whole.
    private mutating func number(
        _ bytes: UnsafeRawBufferPointer, _ limit: Int, _ what: String
    ) throws(ThalwegError) -> Int? {
        var place = position + 1
        var number = 0
        var digits = 0
        let isNegative = place < bytes.count && bytes[place] == UInt8(ascii: "-")
        if isNegative { place += 1 }
        while place < bytes.count {
            let byte = bytes[place]
            if byte == UInt8(ascii: "\r") {
                guard digits > 0 else { throw Self.broken("a number has digits") }
                guard place + 1 < bytes.count else { return nil }
                guard bytes[place + 1] == UInt8(ascii: "\n") else {
                    throw Self.broken("a line ends with CRLF")
                }
                position = place + 2
                return isNegative ? -number : number
            }
            guard byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") else {
                throw Self.broken("a number has digits only")
            }
            number = number * 10 + Int(byte - UInt8(ascii: "0"))
            digits += 1
            guard number <= limit, digits <= 20 else {
                throw .exceeded(
                    .frameTooLarge, "the number of \(what)", value: number, limit: limit,
                    advice: "send smaller commands")
            }
            place += 1
        }
        return nil
    }

    private func tooLarge(_ count: Int) -> ThalwegError {
        .exceeded(
            .frameTooLarge, "the command's length in bytes", value: count, limit: maximumBytes,
            advice: "send smaller commands")
    }

    private static func broken(_ rule: String) -> ThalwegError {
        ThalwegError(
            .invalidFrame, "this is no command: \(rule)",
            advice: "send arrays of bulk strings, as every Redis client does")
    }

    // MARK: Typed by hand

    private mutating func inline(_ bytes: UnsafeRawBufferPointer) throws(ThalwegError) -> Bool {
        // What was looked through is not looked through again.
        guard let end = bytes[position...].firstIndex(of: UInt8(ascii: "\n")) else {
            position = bytes.count
            guard position <= Self.lineBytes else { throw lineTooLong(position) }
            return false
        }
        guard end <= Self.lineBytes else { throw lineTooLong(end) }
        byteCount = end + 1
        let hasReturn = end > 0 && bytes[end - 1] == UInt8(ascii: "\r")
        let line = UnsafeRawBufferPointer(rebasing: bytes[..<(hasReturn ? end - 1 : end)])
        if line.contains(UInt8(ascii: "\"")) || line.contains(UInt8(ascii: "'")) {
            unquoted = try QuotedWords.split(line)
            return true
        }
        var start: Int?
        for (place, byte) in line.enumerated() {
            if QuotedWords.isSpace(byte) {
                if let first = start { arguments.append(first..<place) }
                start = nil
            } else if start == nil {
                start = place
            }
        }
        if let first = start { arguments.append(first..<line.count) }
        return true
    }

    private func lineTooLong(_ count: Int) -> ThalwegError {
        .exceeded(
            .frameTooLarge, "the line's length in bytes", value: count, limit: Self.lineBytes,
            advice: "send arrays of bulk strings, as every Redis client does")
    }
}
