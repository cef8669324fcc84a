/// A frame that a program wrote, as it was found: sizes are checked, meaning is not.
struct OutputFrame {
    static let headerBytes = 24

    enum Operation {
        static let put: UInt32 = 1
        static let delete: UInt32 = 2
        static let reject: UInt32 = 3
        static let accept: UInt32 = 4
        static let undo: UInt32 = 5
    }

    let base: UnsafeRawPointer
    let size: Int

    /// Reads what begins at `base`; nil if it does not lie in the next `left` bytes.
    // Safe: the header is loaded after it was found to be there, and `base` is 8-aligned: the buffer
    // is, and so is every size that passed.
    @inline(__always) init?(_ base: UnsafeRawPointer, left: Int) {
        guard left >= Self.headerBytes else { return nil }
        self.base = base
        size = Int(base.load(as: UInt32.self))
        let wanted =
            Self.headerBytes + keyCount.padded + valueCount.padded + metadataCount.padded
        guard size == wanted, size <= left else { return nil }
    }

    var operation: UInt32 { base.load(fromByteOffset: 4, as: UInt32.self) }
    var input: Int { Int(base.load(fromByteOffset: 8, as: UInt32.self)) }
    var keyCount: Int { Int(base.load(fromByteOffset: 12, as: UInt32.self)) }
    var valueCount: Int { Int(base.load(fromByteOffset: 16, as: UInt32.self)) }
    /// Of a reject: its code.
    var code: UInt32 { base.load(fromByteOffset: 20, as: UInt32.self) }
    /// The same place says of a put and a delete how much metadata they have.
    var metadataCount: Int {
        operation == Operation.put || operation == Operation.delete ? Int(code) : 0
    }

    var key: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: base + Self.headerBytes, count: keyCount)
    }

    var value: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: base + Self.headerBytes + keyCount.padded, count: valueCount)
    }

    var metadata: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            start: base + Self.headerBytes + keyCount.padded + valueCount.padded,
            count: metadataCount)
    }
}
