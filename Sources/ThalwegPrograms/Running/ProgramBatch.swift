public import ThalwegModel

/// Writes in the order of the log, laid out as a program reads them: one piece of memory, used again
/// for the next batch. docs/programs.md shows the frame.
public final class ProgramBatch {
    static let headerBytes = 64

    private let limits: ProgramLimits
    private let frames = ByteStore(capacity: 1 << 16)
    /// Where each frame begins, and where the last one ends.
    private var starts: [Int] = [0]

    public init(limits: ProgramLimits = ProgramLimits()) {
        self.limits = limits
    }

    /// Writes in it.
    public var count: Int { starts.count - 1 }

    /// Bytes of all frames.
    public var byteCount: Int { frames.count }

    public func removeAll() {
        frames.truncate(0)
        starts.removeAll(keepingCapacity: true)
        starts.append(0)
    }

    /// Copies the write's bytes to the end.
    ///
    /// Throws `invalid_key`, `record_too_large` or `metadata_too_large`, and adds nothing then.
    public func append(_ write: ProgramWrite) throws(ThalwegError) {
        guard write.key.count <= limits.keyBytes, write.value.count <= limits.valueBytes,
            write.metadata.count <= limits.metadataBytes
        else { throw tooLarge(write) }
        let key = write.key.count.padded
        let value = write.value.count.padded
        let size = Self.headerBytes + key + value + write.metadata.count.padded
        let frame = frames.extend(size)
        // Safe: the frame has `size` bytes: the header's 64, and each part with its padding.
        let words = frame.assumingMemoryBound(to: UInt64.self)
        words[0] =
            UInt64(size) | UInt64(write.operation.rawValue) << 32
            | UInt64(write.source.rawValue) << 48
        words[1] = write.offset
        words[2] = UInt64(bitPattern: write.time.microseconds)
        words[3] = write.session
        words[4] = write.mask
        words[5] = UInt64(write.key.count) | UInt64(write.value.count) << 32
        words[6] = UInt64(write.metadata.count)
        words[7] = 0
        Self.copy(write.key, to: frame + Self.headerBytes)
        Self.copy(write.value, to: frame + Self.headerBytes + key)
        Self.copy(write.metadata, to: frame + Self.headerBytes + key + value)
        starts.append(frames.count)
    }

    // Safe: `place` has room for the bytes and their padding.
    @inline(__always) private static func copy(
        _ bytes: UnsafeRawBufferPointer, to place: UnsafeMutableRawPointer
    ) {
        guard let source = bytes.baseAddress, bytes.count > 0 else { return }
        (place + (bytes.count - 1) / 8 * 8).storeBytes(of: 0, as: UInt64.self)
        place.copyMemory(from: source, byteCount: bytes.count)
    }

    @inline(never) private func tooLarge(_ write: ProgramWrite) -> ThalwegError {
        if write.key.count > limits.keyBytes {
            return .exceeded(
                .invalidKey, "the key's size in bytes", value: write.key.count,
                limit: limits.keyBytes, advice: "use a shorter key")
        }
        if write.value.count > limits.valueBytes {
            return .exceeded(
                .recordTooLarge, "the value's size in bytes", value: write.value.count,
                limit: limits.valueBytes, advice: "split the record")
        }
        return .exceeded(
            .metadataTooLarge, "the metadata's size in bytes", value: write.metadata.count,
            limit: limits.metadataBytes, advice: "send less metadata")
    }

    // MARK: For the runner

    /// The frames of `count` writes from `first`.
    func frames(_ first: Int, _ count: Int) -> UnsafeRawBufferPointer {
        // Safe: both are places of frames in the store.
        UnsafeRawBufferPointer(
            start: frames.base + starts[first], count: starts[first + count] - starts[first])
    }

    /// How many writes from `first` go into the input buffer: at least one, which may not fit.
    ///
    /// `alone`: stop behind a patch or a delete, whose outcome only the table can tell.
    func fitting(from first: Int, alone: Bool) -> Int {
        let limit = starts[first] + ProgramLimits.inputBytes
        var low = first + 1
        var high = count
        while low < high {
            let middle = (low + high + 1) / 2
            if starts[middle] <= limit { low = middle } else { high = middle - 1 }
        }
        guard alone else { return low - first }
        for index in first..<low where operation(index) != ProgramWrite.Operation.put.rawValue {
            return index + 1 - first
        }
        return low - first
    }

    func operation(_ index: Int) -> UInt8 {
        // Safe: each frame has a header.
        frames.base.load(fromByteOffset: starts[index] + 4, as: UInt8.self)
    }

    func offset(_ index: Int) -> UInt64 {
        frames.base.load(fromByteOffset: starts[index] + 8, as: UInt64.self)
    }
}
