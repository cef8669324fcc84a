package import ThalwegModel

/// The value of a topic of bytes as somebody types or reads it: text where it is text, else `0x` and
/// hexadecimal digits. What is written so is read back to the same bytes.
package enum BytesText {
    package static func text(_ bytes: [UInt8]) -> String {
        guard let text = String(validating: bytes, as: UTF8.self), isPlain(text) else {
            return "0x" + RecordJSON.hexadecimal(bytes)
        }
        return text
    }

    /// Throws `invalid_row` where digits are announced, and something else follows.
    package static func bytes(_ text: String) throws(ThalwegError) -> [UInt8] {
        text.hasPrefix("0x") ? try digits(String(text.dropFirst(2))) : Array(text.utf8)
    }

    /// Throws `invalid_row` for anything but pairs of digits.
    package static func digits(_ text: String) throws(ThalwegError) -> [UInt8] {
        guard let bytes = RecordJSON.bytes(hexadecimal: text) else {
            throw ThalwegError(
                .invalidRow, "'\(text)' is not hexadecimal digits",
                advice: "write two digits for each byte, the lowest byte of a number first")
        }
        return bytes
    }

    /// Whether it can be shown, and does not look like digits.
    private static func isPlain(_ text: String) -> Bool {
        !text.hasPrefix("0x")
            && text.unicodeScalars.allSatisfy { scalar in
                scalar.value >= 0x20 && scalar.value != 0x7f || scalar == "\n" || scalar == "\t"
            }
    }
}
