import ThalwegModel

/// Reads the bytes of a module; never past their end.
struct ModuleBytes {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    static let malformed = ThalwegError(
        .programBuildFailed, "the file is no WebAssembly module, or is cut short")

    var isAtEnd: Bool { position == bytes.count }

    mutating func byte() throws(ThalwegError) -> UInt8 {
        guard position < bytes.count else { throw Self.malformed }
        position += 1
        return bytes[position - 1]
    }

    mutating func take(_ count: Int) throws(ThalwegError) -> [UInt8] {
        guard count <= bytes.count - position else { throw Self.malformed }
        position += count
        return Array(bytes[position - count..<position])
    }

    /// An unsigned number of up to 32 bits in LEB128. A loop over a count ends whatever it says: each
    /// element takes a byte at least.
    mutating func number() throws(ThalwegError) -> Int {
        var number = 0
        for shift in stride(from: 0, to: 35, by: 7) {
            let byte = try byte()
            number |= Int(byte & 0x7F) << shift
            if byte & 0x80 == 0 {
                guard number <= UInt32.max else { throw Self.malformed }
                return number
            }
        }
        throw Self.malformed
    }

    mutating func name() throws(ThalwegError) -> String {
        let bytes = try take(try number())
        guard let name = String(validating: bytes, as: UTF8.self) else { throw Self.malformed }
        return name
    }
}
