// Safe: `storage` is this writer's own allocation of `capacity` bytes, of which the first
// `position` are initialised; every store is behind `reserve`. Copying is impossible, so it has one
// owner.

/// Builds frames in one reusable piece of memory: sixteen bytes for the header, then the payload.
///
/// The hot counterpart of ``ThalwegModel/ByteWriter``. The pointers it gives are good until the
/// next call that changes it.
@frozen public struct FrameWriter: ~Copyable {
    @usableFromInline var storage: UnsafeMutableRawPointer
    @usableFromInline var capacity: Int
    @usableFromInline var position: Int

    /// - Parameter capacity: bytes to begin with; it grows by doubling.
    public init(capacity: Int = 4_096) {
        let capacity = max(capacity, 64)
        storage = .allocate(byteCount: capacity, alignment: 16)
        storage.initializeMemory(as: UInt8.self, repeating: 0, count: FrameHeader.size)
        self.capacity = capacity
        position = FrameHeader.size
    }

    deinit {
        storage.deallocate()
    }

    /// Bytes of payload so far.
    @inlinable public var payloadCount: Int { position - FrameHeader.size }

    /// The payload so far.
    @inlinable public var payload: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: storage + FrameHeader.size, count: payloadCount)
    }

    /// CRC32C of the payload: what a header of a shared payload continues from.
    public var payloadChecksum: UInt32 { checksum(of: payload) }

    /// Starts an empty payload and keeps the memory.
    @inlinable public mutating func removeAll() {
        position = FrameHeader.size
    }

    /// Makes room for `count` more bytes.
    @inline(__always) @inlinable public mutating func reserve(_ count: Int) {
        if capacity - position < count { grow(count) }
    }

    @inline(__always) @inlinable
    public mutating func integer<T: FixedWidthInteger & BitwiseCopyable>(
        _ value: T
    ) {
        reserve(MemoryLayout<T>.size)
        unreserved(value)
    }

    @inline(__always) @inlinable public mutating func bytes(_ source: UnsafeRawBufferPointer) {
        reserve(source.count)
        unreserved(source)
    }

    /// Overwrites an integer that stands `offset` bytes into the payload.
    public mutating func patch<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
        precondition(
            offset >= 0 && offset + MemoryLayout<T>.size <= payloadCount,
            "only what was written can be patched"
        )
        storage.storeBytes(
            of: value.littleEndian,
            toByteOffset: FrameHeader.size + offset,
            as: T.self
        )
    }

    /// Moves what stands `offset` bytes into the payload and puts `source` there.
    mutating func insert(_ source: UnsafeRawBufferPointer, at offset: Int) {
        precondition(offset >= 0 && offset <= payloadCount, "inserts into the payload")
        guard let start = source.baseAddress, source.count > 0 else { return }
        reserve(source.count)
        let place = storage + FrameHeader.size + offset
        (place + source.count).copyMemory(from: place, byteCount: payloadCount - offset)
        place.copyMemory(from: start, byteCount: source.count)
        position += source.count
    }

    /// Fills in the header and gives the whole frame.
    public mutating func finish(_ type: FrameType, requestID: UInt32) -> UnsafeRawBufferPointer {
        let header = FrameHeader(
            type,
            requestID: requestID,
            payloadCount: payloadCount,
            payloadChecksum: payloadChecksum
        )
        header.encode(
            into: UnsafeMutableRawBufferPointer(start: storage, count: FrameHeader.size)
        )
        return UnsafeRawBufferPointer(start: storage, count: position)
    }

    // MARK: Behind `reserve`

    @inline(__always) @inlinable
    mutating func unreserved<T: FixedWidthInteger & BitwiseCopyable>(_ value: T) {
        storage.storeBytes(of: value.littleEndian, toByteOffset: position, as: T.self)
        position += MemoryLayout<T>.size
    }

    @inline(__always) @inlinable
    mutating func unreserved(_ source: UnsafeRawBufferPointer) {
        if let start = source.baseAddress {
            (storage + position).copyMemory(from: start, byteCount: source.count)
        }
        position += source.count
    }

    @inline(never) @usableFromInline mutating func grow(_ count: Int) {
        let larger = max(capacity * 2, position + count)
        let moved = UnsafeMutableRawPointer.allocate(byteCount: larger, alignment: 16)
        moved.copyMemory(from: storage, byteCount: position)
        storage.deallocate()
        storage = moved
        capacity = larger
    }
}

// Safe: it owns its memory alone, so it may move to another thread as a whole.
extension FrameWriter: @unchecked Sendable {}
