public import ThalwegModel

/// Sources as they lie in a frame: unaligned, little-endian, two bytes each. Lent.
@frozen public struct SourceList: RandomAccessCollection {
    @usableFromInline let bytes: UnsafeRawBufferPointer

    @inlinable public var startIndex: Int { 0 }
    @inlinable public var endIndex: Int { bytes.count / 2 }

    // Safe: `loadUnaligned` checks its bounds against `bytes`.
    @inlinable public subscript(index: Int) -> SourceID {
        SourceID(
            UInt16(littleEndian: bytes.loadUnaligned(fromByteOffset: index * 2, as: UInt16.self))
        )
    }
}

extension ByteReader {
    mutating func sourceList() throws(ThalwegError) -> SourceList {
        let count = Int(try integer(UInt16.self))
        return SourceList(bytes: try bytes(count * 2))
    }

    /// Lends bytes with a 32-bit length in front.
    mutating func lentBytes() throws(ThalwegError) -> UnsafeRawBufferPointer {
        let count = Int(try integer(UInt32.self))
        return try bytes(count)
    }
}

extension FrameWriter {
    @inlinable mutating func sources(_ sources: some Collection<SourceID>) {
        precondition(sources.count <= Limits.sources, "a record has at most 65,535 sources")
        integer(UInt16(sources.count))
        for source in sources { integer(source.rawValue) }
    }

    /// Bytes with a 32-bit length in front.
    @inlinable mutating func lengthAndBytes(_ source: UnsafeRawBufferPointer) {
        integer(UInt32(source.count))
        bytes(source)
    }
}
