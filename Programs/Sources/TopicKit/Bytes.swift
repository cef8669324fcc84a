/// Bytes that belong to the host: a key, a value, metadata, the program's arguments.
///
/// They cannot be kept: the compiler refuses to store `Bytes` in a program or in a change, because
/// the next batch overwrites them. Read from them, or copy with ``array`` or ``string``.
public struct Bytes: ~Escapable {
    let start: UnsafeRawPointer
    public let count: Int

    // Safe: every maker has `count` readable bytes at `start` for as long as the lifetime that it
    // gives to what it returns; every read here is behind a comparison with `count`.
    @_lifetime(immortal)
    init(_ start: UnsafeRawPointer, _ count: Int) {
        self.start = start
        self.count = count
    }

    /// The little-endian value at `offset`. Rejects the write (code 1) where the bytes are too few.
    public func get<T: Scalar>(_ offset: Int, as type: T.Type = T.self) throws(Reject) -> T {
        guard offset >= 0, offset <= count &- MemoryLayout<T>.size else { throw .malformed }
        return T.load(from: start + offset)
    }

    /// `count` bytes from `offset` on. Rejects the write (code 1) where there are fewer.
    @_lifetime(copy self)
    public func slice(_ offset: Int, _ count: Int) throws(Reject) -> Bytes {
        guard offset >= 0, count >= 0, offset <= self.count, count <= self.count &- offset else {
            throw .malformed
        }
        return _overrideLifetime(Bytes(start + offset, count), copying: self)
    }

    public var isEmpty: Bool { count == 0 }

    /// Traps where `position` is not below `count`.
    public subscript(_ position: Int) -> UInt8 {
        precondition(position >= 0 && position < count, "the byte is beyond the end")
        return start.load(fromByteOffset: position, as: UInt8.self)
    }

    /// A copy.
    public var array: [UInt8] {
        Array(UnsafeRawBufferPointer(start: start, count: count))
    }

    /// A copy as text; what is not UTF-8 becomes U+FFFD.
    public var string: String {
        String(decoding: UnsafeRawBufferPointer(start: start, count: count), as: UTF8.self)
    }

    public static func == (left: Bytes, right: Bytes) -> Bool {
        guard left.count == right.count else { return false }
        for position in 0..<left.count where left[position] != right[position] { return false }
        return true
    }

    public static func == (left: Bytes, right: StaticString) -> Bool {
        guard left.count == right.utf8CodeUnitCount else { return false }
        return Bytes(UnsafeRawPointer(right.utf8Start), left.count) == left
    }
}
