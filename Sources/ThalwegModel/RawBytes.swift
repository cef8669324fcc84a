extension UnsafeRawBufferPointer {
    /// Whether two runs hold the same bytes; compared word by word: what differs mostly does so
    /// early, and then this is a few instructions where `memcmp` is a call.
    @inlinable @inline(__always) public func hasSameBytes(as other: Self) -> Bool {
        guard count == other.count else { return false }
        guard let left = baseAddress, let right = other.baseAddress else { return true }
        // Safe: loads end at or before the common count.
        var position = 0
        while position &+ 8 < count {
            guard
                left.loadUnaligned(fromByteOffset: position, as: UInt64.self)
                    == right.loadUnaligned(fromByteOffset: position, as: UInt64.self)
            else { return false }
            position &+= 8
        }
        if count >= 8 {
            // The last word, which may begin in the one before.
            return left.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
                == right.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
        }
        while position < count {
            guard
                left.load(fromByteOffset: position, as: UInt8.self)
                    == right.load(fromByteOffset: position, as: UInt8.self)
            else { return false }
            position &+= 1
        }
        return true
    }
}

extension [UInt8] {
    /// Lends the bytes to `body`, with typed errors.
    package func lend<T, Failure: Error>(
        _ body: (UnsafeRawBufferPointer) throws(Failure) -> T
    ) throws(Failure) -> T {
        try withUnsafeBytes { bytes in
            Result { () throws(Failure) in try body(bytes) }
        }.get()
    }
}
