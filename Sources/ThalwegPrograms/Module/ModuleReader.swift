import ThalwegModel

/// Reads the binary form of a module, checking every bound.
struct ModuleReader {
    let bytes: [UInt8]
    var position: Int
    /// Where reading must stop: the end of the section or function.
    var end: Int

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        position = 0
        end = bytes.count
    }

    var isAtEnd: Bool { position == end }

    /// A reader of the next `count` bytes, which this one skips.
    mutating func part(_ count: Int) throws(ThalwegError) -> ModuleReader {
        guard count <= end - position else { throw truncated() }
        var part = self
        part.end = position + count
        position += count
        return part
    }

    mutating func skip(_ count: Int) throws(ThalwegError) {
        guard count <= end - position else { throw truncated() }
        position += count
    }

    mutating func byte() throws(ThalwegError) -> UInt8 {
        guard position < end else { throw truncated() }
        defer { position += 1 }
        return bytes[position]
    }

    /// An unsigned number of at most 32 bits.
    mutating func number() throws(ThalwegError) -> Int {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while true {
            let next = try byte()
            value |= UInt64(next & 0x7f) << shift
            if next & 0x80 == 0 { break }
            shift += 7
            guard shift < 35 else { throw refused("a number at byte \(position) is too long") }
        }
        guard value <= UInt64(UInt32.max) else {
            throw refused("a number at byte \(position) is too large")
        }
        return Int(value)
    }

    /// A signed number of at most 64 bits.
    mutating func signed() throws(ThalwegError) -> Int64 {
        var value: Int64 = 0
        var shift: Int64 = 0
        while true {
            let next = try byte()
            value |= Int64(next & 0x7f) << shift
            shift += 7
            if next & 0x80 == 0 {
                if shift < 64 && next & 0x40 != 0 { value |= -1 << shift }
                return value
            }
            guard shift < 70 else { throw refused("a number at byte \(position) is too long") }
        }
    }

    mutating func name() throws(ThalwegError) -> String {
        let count = try number()
        let start = position
        try skip(count)
        guard let text = String(validating: bytes[start..<position], as: UTF8.self) else {
            throw refused("a name at byte \(start) is not UTF-8")
        }
        return text
    }

    func truncated() -> ThalwegError {
        refused("it is cut short at byte \(position)")
    }

    func refused(_ reason: String) -> ThalwegError {
        ThalwegError(
            .invalidProgram, "the module was refused: \(reason)",
            advice: "docs/programs.md says what a module must be")
    }
}
