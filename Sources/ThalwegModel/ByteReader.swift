/// Reads little-endian values from bytes that somebody else owns, checking every length.
///
/// A reader must not outlive the closure or buffer that lent it the bytes. Reading past the end
/// throws `invalid_frame`; nothing is ever read outside the given bytes.
@frozen public struct ByteReader {
    @usableFromInline let base: UnsafeRawPointer
    @usableFromInline var cursor: Int
    public let end: Int

    // Safe: an empty buffer may have no base address; `end` is 0 then and nothing is loaded.
    @inlinable public init(_ bytes: UnsafeRawBufferPointer) {
        base = bytes.baseAddress ?? UnsafeRawPointer(bitPattern: 1).unsafelyUnwrapped
        cursor = 0
        end = bytes.count
    }

    /// Bytes read so far.
    @inlinable public var position: Int { cursor }

    @inlinable public var remaining: Int { end - cursor }

    @inlinable public var isAtEnd: Bool { cursor == end }

    @inlinable public mutating func integer<T: FixedWidthInteger & BitwiseCopyable>(
        _ type: T.Type = T.self
    ) throws(ThalwegError) -> T {
        guard remaining >= MemoryLayout<T>.size else { throw truncated(MemoryLayout<T>.size) }
        // Safe: the guard keeps the load in bounds.
        let value = base.loadUnaligned(fromByteOffset: cursor, as: T.self)
        cursor += MemoryLayout<T>.size
        return T(littleEndian: value)
    }

    /// Lends the next `count` bytes.
    @inlinable public mutating func bytes(
        _ count: Int
    ) throws(ThalwegError)
        -> UnsafeRawBufferPointer
    {
        guard count >= 0, remaining >= count else { throw truncated(count) }
        // Safe: the guard keeps the range in bounds.
        let slice = UnsafeRawBufferPointer(start: base + cursor, count: count)
        cursor += count
        return slice
    }

    /// Text with a 16-bit length in front.
    public mutating func text() throws(ThalwegError) -> String {
        let count = Int(try integer(UInt16.self))
        let slice = try bytes(count)
        guard let text = String(validating: slice, as: UTF8.self) else {
            throw ThalwegError(.invalidFrame, "text at byte \(position - count) is not UTF-8")
        }
        return text
    }

    /// Bytes with a 32-bit length in front.
    public mutating func byteArray() throws(ThalwegError) -> [UInt8] {
        let count = Int(try integer(UInt32.self))
        return Array(try bytes(count))
    }

    /// Says that the message should have ended here.
    public func finish() throws(ThalwegError) {
        guard isAtEnd else {
            throw ThalwegError(
                .invalidFrame, "\(remaining) bytes are left over after byte \(position)")
        }
    }

    @usableFromInline func truncated(_ wanted: Int) -> ThalwegError {
        ThalwegError(
            .invalidFrame, "\(wanted) bytes are needed at byte \(position), \(remaining) are left")
    }
}
