import NIOCore

/// Replies as they travel, in the second or the third version of the Redis protocol.
struct RedisText {
    var bytes = ByteBuffer()
    /// The third: maps, pushes and one null.
    var isThree = false

    mutating func simple(_ text: String) {
        bytes.writeInteger(UInt8(ascii: "+"))
        bytes.writeString(text)
        end()
    }

    mutating func okay() { bytes.writeStaticString("+OK\r\n") }

    mutating func error(_ failure: RedisFailure) {
        bytes.writeInteger(UInt8(ascii: "-"))
        bytes.writeString(failure.line)
        end()
    }

    mutating func integer(_ number: Int) { head(":", number) }

    mutating func bulk(_ value: UnsafeRawBufferPointer) {
        head("$", value.count)
        bytes.writeBytes(value)
        end()
    }

    mutating func bulk(_ value: [UInt8]) { value.withUnsafeBytes { bulk($0) } }

    mutating func bulk(_ text: String) {
        head("$", text.utf8.count)
        bytes.writeString(text)
        end()
    }

    /// No value.
    mutating func null() {
        if isThree {
            bytes.writeStaticString("_\r\n")
        } else {
            bytes.writeStaticString("$-1\r\n")
        }
    }

    /// No array.
    mutating func nullArray() {
        if isThree {
            bytes.writeStaticString("_\r\n")
        } else {
            bytes.writeStaticString("*-1\r\n")
        }
    }

    /// `count` elements follow.
    mutating func array(_ count: Int) { head("*", count) }

    /// `count` pairs of a key and a value follow.
    mutating func map(_ count: Int) {
        if isThree { head("%", count) } else { head("*", 2 * count) }
    }

    /// `count` different elements follow.
    mutating func set(_ count: Int) { head(isThree ? "~" : "*", count) }

    /// `count` elements follow that answer no command.
    mutating func push(_ count: Int) { head(isThree ? ">" : "*", count) }

    private mutating func head(_ mark: UnicodeScalar, _ number: Int) {
        bytes.writeInteger(UInt8(ascii: mark))
        bytes.writeString(String(number))
        end()
    }

    private mutating func end() { bytes.writeStaticString("\r\n") }
}
