/// A frame that ``ProgramBatch`` wrote, read again.
struct InputFrame {
    let base: UnsafeRawPointer

    // Safe: `base` is the start of a frame that the batch wrote, so all of it is there.
    var size: Int { Int(base.load(as: UInt32.self)) }

    var operation: UInt8 { base.load(fromByteOffset: 4, as: UInt8.self) }

    var key: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: base + ProgramBatch.headerBytes, count: length(40))
    }

    var value: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            start: base + ProgramBatch.headerBytes + length(40).padded, count: length(44))
    }

    private func length(_ offset: Int) -> Int {
        Int(base.load(fromByteOffset: offset, as: UInt32.self))
    }
}
