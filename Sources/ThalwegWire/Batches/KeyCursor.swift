public import ThalwegModel

/// Walks encoded keys where they lie. The lent pointers are good while those bytes are.
public struct KeyCursor {
    private var reader: ByteReader
    private let kind: KeyKind

    public init(_ keys: UnsafeRawBufferPointer, kind: KeyKind) {
        reader = ByteReader(keys)
        self.kind = kind
    }

    public var isAtEnd: Bool { reader.isAtEnd }

    /// The next encoded key, with its length byte where the kind is `string`.
    public mutating func next() throws(ThalwegError) -> UnsafeRawBufferPointer {
        try reader.encodedKey(kind)
    }
}

extension ByteReader {
    /// Lends one encoded key, with its length byte where it has one.
    mutating func encodedKey(_ kind: KeyKind) throws(ThalwegError) -> UnsafeRawBufferPointer {
        if let size = kind.fixedSize { return try bytes(size) }
        var ahead = self
        let count = Int(try ahead.integer(UInt8.self))
        return try bytes(1 + count)
    }
}
