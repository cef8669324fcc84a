import ThalwegModel

/// Bytes as somebody types them.
enum HexadecimalText {
    /// Throws `invalid_row` for anything but pairs of digits.
    static func bytes(_ text: String) throws(ThalwegError) -> [UInt8] {
        guard let bytes = RecordJSON.bytes(hexadecimal: text) else {
            throw ThalwegError(
                .invalidRow, "'\(text)' is not hexadecimal digits",
                advice: "write two digits for each byte, the lowest byte of a number first")
        }
        return bytes
    }
}
