import ThalwegModel

/// The order of keys that people expect: numbers by value, texts and bytes byte by byte.
enum KeyOrder {
    /// Whether one encoded key stands before another of the same kind.
    static func isBefore(
        _ left: UnsafeRawBufferPointer, _ right: UnsafeRawBufferPointer, _ kind: KeyKind
    ) -> Bool {
        switch kind {
        case .u64:
            // Safe: encoded keys of this kind have eight bytes.
            UInt64(littleEndian: left.loadUnaligned(as: UInt64.self))
                < UInt64(littleEndian: right.loadUnaligned(as: UInt64.self))
        case .uuid, .bytes32:
            left.lexicographicallyPrecedes(right)
        case .string:
            // Behind the length byte.
            left.dropFirst().lexicographicallyPrecedes(right.dropFirst())
        }
    }

    /// Whether `bytes` are one encoded key.
    static func isKey(_ bytes: UnsafeRawBufferPointer, _ kind: KeyKind) -> Bool {
        if let size = kind.fixedSize { return bytes.count == size }
        return !bytes.isEmpty && bytes.count == 1 + Int(bytes[0])
    }
}
