/// What a topic's keys are. A topic declares one kind and every write must match it.
public enum KeyKind: UInt8, Hashable, Sendable, CaseIterable {
    case u64 = 1
    case uuid = 2
    case bytes32 = 3
    case string = 4

    /// Bytes of an encoded key; `nil` where each key has its own length.
    @inlinable public var fixedSize: Int? {
        switch self {
        case .u64: 8
        case .uuid: 16
        case .bytes32: 32
        case .string: nil
        }
    }

    public var name: String {
        switch self {
        case .u64: "u64"
        case .uuid: "uuid"
        case .bytes32: "bytes32"
        case .string: "string"
        }
    }

    public init?(name: String) {
        guard let kind = KeyKind.allCases.first(where: { $0.name == name }) else { return nil }
        self = kind
    }
}

/// One record's key.
///
/// Encoded: `u64` eight bytes little-endian; `uuid` sixteen bytes in reading order; `bytes32` as
/// they are; `string` one length byte, then that many bytes of UTF-8 (0…255).
public enum Key: Hashable, Sendable {
    case u64(UInt64)
    case uuid(UniqueID)
    case bytes32([UInt8])
    case string(String)

    public var kind: KeyKind {
        switch self {
        case .u64: .u64
        case .uuid: .uuid
        case .bytes32: .bytes32
        case .string: .string
        }
    }

    /// The encoded key. Throws `invalid_key` where a length is wrong.
    public func encoded() throws(ThalwegError) -> [UInt8] {
        var writer = ByteWriter(reserving: 33)
        switch self {
        case .u64(let number):
            writer.integer(number)
        case .uuid(let id):
            writer.integer(id.high.bigEndian)
            writer.integer(id.low.bigEndian)
        case .bytes32(let bytes):
            guard bytes.count == 32 else {
                throw ThalwegError(.invalidKey, "a bytes32 key has \(bytes.count) bytes, not 32")
            }
            writer.raw(bytes)
        case .string(let text):
            let count = text.utf8.count
            guard count <= Limits.stringKeyBytes else {
                throw .exceeded(
                    .invalidKey, "the key's length in bytes", value: count,
                    limit: Limits.stringKeyBytes, advice: "use a shorter key")
            }
            writer.integer(UInt8(count))
            writer.raw(text.utf8)
        }
        return writer.bytes
    }

    /// Reads one encoded key and moves the reader past it.
    public init(_ kind: KeyKind, from reader: inout ByteReader) throws(ThalwegError) {
        switch kind {
        case .u64:
            self = .u64(try reader.integer())
        case .uuid:
            let high = UInt64(bigEndian: try reader.integer(UInt64.self).littleEndian)
            let low = UInt64(bigEndian: try reader.integer(UInt64.self).littleEndian)
            self = .uuid(UniqueID(high: high, low: low))
        case .bytes32:
            self = .bytes32(Array(try reader.bytes(32)))
        case .string:
            let count = Int(try reader.integer(UInt8.self))
            guard let text = String(validating: try reader.bytes(count), as: UTF8.self) else {
                throw ThalwegError(.invalidKey, "the key is not UTF-8")
            }
            self = .string(text)
        }
    }

    /// Reads a key as people write it: a decimal number, a UUID, 64 hexadecimal digits, or text.
    public init(_ kind: KeyKind, text: String) throws(ThalwegError) {
        switch kind {
        case .u64:
            guard let number = UInt64(text) else {
                throw ThalwegError(
                    .invalidKey, "'\(text)' is not a u64 key", advice: "write a decimal number")
            }
            self = .u64(number)
        case .uuid:
            guard let id = UniqueID(text) else {
                throw ThalwegError(
                    .invalidKey, "'\(text)' is not a uuid key",
                    advice: "write 8-4-4-4-12 hex digits")
            }
            self = .uuid(id)
        case .bytes32:
            guard let bytes = Key.bytes(hexadecimal: text), bytes.count == 32 else {
                throw ThalwegError(
                    .invalidKey, "'\(text)' is not a bytes32 key", advice: "write 64 hex digits")
            }
            self = .bytes32(bytes)
        case .string:
            self = .string(text)
        }
    }

    private static func bytes(hexadecimal text: String) -> [UInt8]? {
        var bytes: [UInt8] = []
        var high: Int?
        for character in text {
            guard character.isASCII, let digit = character.hexDigitValue else { return nil }
            if let first = high {
                bytes.append(UInt8(first << 4 | digit))
                high = nil
            } else {
                high = digit
            }
        }
        return high == nil ? bytes : nil
    }
}

// Keys are their bytes. `String` would take é written in two ways for one text, and two records for
// one.
extension Key {
    public static func == (left: Key, right: Key) -> Bool {
        switch (left, right) {
        case (.u64(let one), .u64(let other)): one == other
        case (.uuid(let one), .uuid(let other)): one == other
        case (.bytes32(let one), .bytes32(let other)): one == other
        case (.string(let one), .string(let other)): one.utf8.elementsEqual(other.utf8)
        default: false
        }
    }

    public func hash(into hasher: inout Hasher) {
        switch self {
        case .u64(let number): hasher.combine(number)
        case .uuid(let id): hasher.combine(id)
        case .bytes32(let bytes): hasher.combine(bytes)
        case .string(let text):
            hasher.combine(text.utf8.count)
            for byte in text.utf8 { hasher.combine(byte) }
        }
    }
}

extension Key: CustomStringConvertible {
    /// The key as people write it; ``init(_:text:)`` reads it back.
    public var description: String {
        switch self {
        case .u64(let number): String(number)
        case .uuid(let id): id.description
        case .string(let text): text
        case .bytes32(let bytes):
            bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
    }
}
