/// What a write becomes. Nothing put here, nothing is stored; the order is kept.
///
/// One write may give 256 KiB of frames (24 bytes each, and key and value padded to 8). Beyond that
/// it traps, and the write has failed. To store a larger value, accept the write as it is.
///
/// Each change has the write's metadata, unless it is put or deleted with its own.
public struct Output: ~Copyable {
    // Safe: `length <= capacity`, and `frame` compares before it moves `length` on.
    let base: UnsafeMutableRawPointer
    let capacity: Int
    private(set) var length = 0
    private var index: UInt32 = 0
    private var writeStart = 0
    /// A rejection of the current write takes back what the write did to the program.
    var undoesRejection = false

    init(_ base: UnsafeMutableRawPointer, _ capacity: Int) {
        self.base = base
        self.capacity = capacity
    }

    /// Stores the write as it is: a put, a patch of its fields, or a delete.
    public mutating func accept() {
        _ = frame(OutputFrame.accept, 0, 0, 0)
    }

    /// Stores `value` at `key`.
    public mutating func put<Key: OutputBytes & ~Escapable, Value: OutputBytes & ~Escapable>(
        _ key: borrowing Key, _ value: borrowing Value
    ) {
        let keyCount = key.outputCount
        let target = frame(OutputFrame.put, keyCount, value.outputCount, 0)
        key.copyOutput(to: target)
        value.copyOutput(to: target + padded(keyCount))
    }

    /// Stores `value` at `key`, with metadata of its own.
    public mutating func put<
        Key: OutputBytes & ~Escapable, Value: OutputBytes & ~Escapable,
        Metadata: OutputBytes & ~Escapable
    >(_ key: borrowing Key, _ value: borrowing Value, metadata: borrowing Metadata) {
        let keyCount = key.outputCount
        let valueCount = value.outputCount
        let target = frame(
            OutputFrame.put, keyCount, valueCount, 0, metadataCount: metadata.outputCount)
        key.copyOutput(to: target)
        value.copyOutput(to: target + padded(keyCount))
        metadata.copyOutput(to: target + padded(keyCount) + padded(valueCount))
    }

    /// Stores at `key` a value of `size` bytes that `fill` writes. Traps where it writes fewer.
    public mutating func put<Key: OutputBytes & ~Escapable>(
        _ key: borrowing Key, size: Int, _ fill: (inout ByteWriter) -> Void
    ) {
        precondition(size >= 0, "a value cannot have fewer than no bytes")
        let keyCount = key.outputCount
        let target = frame(OutputFrame.put, keyCount, size, 0)
        key.copyOutput(to: target)
        var writer = ByteWriter(target + padded(keyCount), size)
        fill(&writer)
        // The buffer still holds an older batch: what is not written would differ between nodes.
        precondition(writer.left == 0, "fewer bytes than the size that was said")
    }

    /// Removes the record at `key`.
    public mutating func delete<Key: OutputBytes & ~Escapable>(_ key: borrowing Key) {
        let keyCount = key.outputCount
        key.copyOutput(to: frame(OutputFrame.delete, keyCount, 0, 0))
    }

    /// Removes the record at `key`, with metadata of the deletion's own.
    public mutating func delete<
        Key: OutputBytes & ~Escapable, Metadata: OutputBytes & ~Escapable
    >(_ key: borrowing Key, metadata: borrowing Metadata) {
        let keyCount = key.outputCount
        let target = frame(
            OutputFrame.delete, keyCount, 0, 0, metadataCount: metadata.outputCount)
        key.copyOutput(to: target)
        metadata.copyOutput(to: target + padded(keyCount))
    }

    // MARK: For the runner

    /// All frames from here on answer the write with this number in the batch.
    mutating func begin(_ index: UInt32) {
        self.index = index
        writeStart = length
        undoesRejection = false
    }

    /// Takes back what the current write has put.
    mutating func rewind() {
        length = writeStart
    }

    var hasRoomForOneMore: Bool { length &+ FrameLimits.outputPerWrite <= capacity }

    mutating func reject(_ reason: Reject) {
        rewind()
        let count = reason.messageCount
        let operation = undoesRejection ? OutputFrame.rejectAndUndo : OutputFrame.reject
        let target = frame(operation, 0, count, reason.code)
        var message = reason.message
        message.withUTF8 { bytes in
            UnsafeMutableRawBufferPointer(start: target, count: count).copyBytes(
                from: bytes.prefix(count))
        }
    }

    /// A frame with metadata has no code: the one place says either.
    private mutating func frame(
        _ operation: UInt32, _ keyCount: Int, _ valueCount: Int, _ code: UInt32,
        metadataCount: Int = 0
    ) -> UnsafeMutableRawPointer {
        precondition(
            keyCount <= FrameLimits.outputPerWrite && valueCount <= FrameLimits.outputPerWrite
                && metadataCount <= FrameLimits.outputPerWrite, "one write may give 256 KiB")
        let bytes = padded(keyCount) &+ padded(valueCount) &+ padded(metadataCount)
        let size = OutputFrame.headerSize &+ bytes
        precondition(
            length &- writeStart &+ size <= FrameLimits.outputPerWrite
                && length &+ size <= capacity, "one write may give 256 KiB")
        let frame = base + length
        length &+= size
        UInt32(truncatingIfNeeded: size).store(to: frame)
        operation.store(to: frame + OutputFrame.operation)
        index.store(to: frame + OutputFrame.index)
        UInt32(truncatingIfNeeded: keyCount).store(to: frame + OutputFrame.keyCount)
        UInt32(truncatingIfNeeded: valueCount).store(to: frame + OutputFrame.valueCount)
        let last = metadataCount > 0 ? UInt32(truncatingIfNeeded: metadataCount) : code
        last.store(to: frame + OutputFrame.code)
        let key = frame + OutputFrame.headerSize
        // The padding, before the bytes that leave some of it: the buffer holds an older batch.
        if keyCount > 0 { UInt64.zero.store(to: key + padded(keyCount) - 8) }
        if valueCount > 0 {
            UInt64.zero.store(to: key + padded(keyCount) + padded(valueCount) - 8)
        }
        if metadataCount > 0 { UInt64.zero.store(to: key + bytes - 8) }
        return key
    }
}

extension Reject {
    /// Bytes of the message that travel: at most 1,024, and no character is cut.
    var messageCount: Int {
        var count = message.utf8.count
        guard count > FrameLimits.message else { return count }
        count = FrameLimits.message
        var text = message
        return text.withUTF8 { bytes in
            while count > 0, bytes[count] & 0xC0 == 0x80 { count &-= 1 }
            return count
        }
    }
}
