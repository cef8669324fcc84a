internal import ThalwegModel

/// Writes records at the end of the log and makes them durable. Owned by the log's writer thread.
///
/// Every method leaves the end of the log where it was if it throws, so after `diskFull` the same
/// call with the same entries may be made again; after any other error the log is over.
final class SegmentWriter {
    private struct Segment {
        let file: any StorageFile
        let firstIndex: UInt64
        var capacity: UInt64
    }

    private let storage: any Storage
    private let options: LogOptions
    private let logID: UInt64
    private let seed: UInt32
    private let buffer: RawBuffer
    private var buffered = 0
    private var segment: Segment
    /// A segment that exists already while the current one still waits for its seal.
    private var successor: Segment?
    /// Where the next record goes.
    private var offset: UInt64
    /// Everything up to here is written and, unless the policy is `never`, synced.
    private(set) var durableIndex: UInt64
    /// Synchronisations since they were taken, and how long each took.
    private var syncs = DurationHistogram()
    /// A mark stands at `offset`.
    private var isMarked = false

    /// Continues the log in `file` at `offset`, behind entry `lastIndex`.
    init(
        storage: any Storage, options: LogOptions, logID: UInt64, file: any StorageFile,
        firstIndex: UInt64, offset: UInt64, lastIndex: UInt64
    ) throws(ThalwegError) {
        self.storage = storage
        self.options = options
        self.logID = logID
        seed = Checksum.seed(logID)
        buffer = RawBuffer(count: options.writeBufferBytes)
        let capacity = max(try file.size(), UInt64(options.segmentBytes))
        segment = Segment(file: file, firstIndex: firstIndex, capacity: capacity)
        self.offset = offset
        durableIndex = lastIndex
    }

    /// Where the next record goes.
    var endOffset: UInt64 { offset }

    /// The first index of the segment that is written to.
    var firstIndex: UInt64 { segment.firstIndex }

    /// How many of `entries` the segment has room for, its seal included.
    func countFitting(_ entries: ArraySlice<LogEntry>) -> Int {
        var end = offset + UInt64(LogFormat.recordHeaderBytes)
        var count = 0
        for entry in entries {
            end += UInt64(LogFormat.recordBytes(payload: entry.payload.count))
            if end > segment.capacity { break }
            count += 1
        }
        return count
    }

    // MARK: Groups

    /// Synchronisations since the last call.
    func takeSyncs() -> DurationHistogram {
        defer { syncs = DurationHistogram() }
        return syncs
    }

    /// Writes `entries`, which fit and follow `durableIndex`, and syncs them.
    func persist(_ entries: ArraySlice<LogEntry>) throws(ThalwegError) {
        guard let first = entries.first, let last = entries.last else { return }
        precondition(first.index == durableIndex + 1, "a group follows what is durable")
        isMarked = false
        buffered = 0
        var position = offset
        for entry in entries {
            let header = RecordHeader(
                kind: RecordKind(entry.kind), index: entry.index,
                durableIndex: statedDurableIndex, tag: entry.tag, length: entry.payload.count,
                term: entry.term)
            try put(header, entry.payload, at: &position)
        }
        try flush(to: &position)
        try synchronize(segment.file)
        offset = position
        durableIndex = last.index
    }

    /// The durable index that records state: with syncs switched off none can be promised.
    private var statedDurableIndex: UInt64 {
        options.syncPolicy == .always ? durableIndex : 0
    }

    private func put(
        _ header: RecordHeader, _ payload: [UInt8], at position: inout UInt64
    ) throws(ThalwegError) {
        if buffer.count - buffered < LogFormat.recordHeaderBytes { try flush(to: &position) }
        // Safe: there are 40 bytes of room in the buffer at `buffered`.
        payload.withUnsafeBytes { bytes in
            header.store(to: buffer.base + buffered, payload: bytes, seed: seed)
        }
        buffered += LogFormat.recordHeaderBytes
        var copied = 0
        while copied < payload.count {
            if buffered == buffer.count { try flush(to: &position) }
            let count = min(payload.count - copied, buffer.count - buffered)
            let target = buffer.mutableBytes(buffered..<buffered + count)
            payload.withUnsafeBytes { bytes in
                let piece = bytes[copied..<copied + count]
                target.copyMemory(from: UnsafeRawBufferPointer(rebasing: piece))
            }
            copied += count
            buffered += count
        }
        // Records are multiples of 8 bytes, and so is the buffer: the padding always has room.
        let padding =
            LogFormat.recordBytes(payload: payload.count)
            - LogFormat.recordHeaderBytes - payload.count
        // Safe: the padding lies within the buffer.
        (buffer.base + buffered).initializeMemory(as: UInt8.self, repeating: 0, count: padding)
        buffered += padding
    }

    private func flush(to position: inout UInt64) throws(ThalwegError) {
        guard buffered > 0 else { return }
        try segment.file.writeFully(buffer.bytes(0..<buffered), at: position)
        position += UInt64(buffered)
        buffered = 0
    }

    private func synchronize(_ file: any StorageFile) throws(ThalwegError) {
        guard options.syncPolicy == .always else { return }
        let start = MonotonicTime.nanoseconds
        try file.synchronize()
        syncs.record(MonotonicTime.nanoseconds - start)
    }

    // MARK: Marks and seals

    /// States behind the last record that it is durable. Not synced: it helps if it survives.
    func writeMark() throws(ThalwegError) {
        guard !isMarked else { return }
        isMarked = true
        try writeControl(.mark)
    }

    /// Syncs a mark and closes the file: after a clean stop nothing about the tail is ambiguous.
    func close() throws(ThalwegError) {
        defer {
            segment.file.close()
            successor?.file.close()
        }
        // A segment that waits for its seal ends without a mark: recovery seals it.
        guard successor == nil else { return }
        try writeMark()
        try synchronize(segment.file)
    }

    /// Closes the file and leaves everything as it is.
    func closeAbruptly() {
        segment.file.close()
        successor?.file.close()
    }

    private func writeControl(_ kind: RecordKind) throws(ThalwegError) {
        let bytes = Self.control(
            kind, nextIndex: durableIndex + 1, durableIndex: statedDurableIndex, seed: seed)
        try segment.file.writeFully(bytes.bytes(0..<bytes.count), at: offset)
    }

    /// The bytes of a mark or seal that stands where entry `nextIndex` would.
    static func control(
        _ kind: RecordKind, nextIndex: UInt64, durableIndex: UInt64, seed: UInt32
    ) -> RawBuffer {
        let header = RecordHeader(
            kind: kind, index: nextIndex, durableIndex: durableIndex, tag: 0, length: 0,
            term: 0)
        let bytes = RawBuffer(count: LogFormat.recordHeaderBytes)
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        header.store(to: bytes.base, payload: nothing, seed: seed)
        return bytes
    }

    // MARK: Segments

    /// Makes room for a payload of `payloadBytes`: goes on in a new segment, or makes this one
    /// larger if it holds nothing yet, for a new one would begin with the same index.
    func roll(payloadBytes: Int) throws(ThalwegError) {
        if durableIndex + 1 == segment.firstIndex {
            let size = Self.capacity(for: payloadBytes, options: options)
            try segment.file.preallocate(sizeBytes: size)
            segment.capacity = size
            return
        }
        let next: Segment
        if let successor {
            next = successor
        } else {
            let size = Self.capacity(for: payloadBytes, options: options)
            let file = try Self.create(
                storage: storage, logID: logID, firstIndex: durableIndex + 1, sizeBytes: size)
            next = Segment(file: file, firstIndex: durableIndex + 1, capacity: size)
            successor = next
        }
        try writeControl(.seal)
        try synchronize(segment.file)
        segment.file.close()
        segment = next
        successor = nil
        offset = UInt64(LogFormat.segmentHeaderBytes)
        isMarked = false
    }

    private static func capacity(for payloadBytes: Int, options: LogOptions) -> UInt64 {
        let needed =
            LogFormat.segmentHeaderBytes + LogFormat.recordBytes(payload: payloadBytes)
            + LogFormat.recordHeaderBytes
        return UInt64(max(options.segmentBytes, needed))
    }

    /// Makes a segment file, durable under its name before it is returned (invariant 2).
    static func create(
        storage: any Storage, logID: UInt64, firstIndex: UInt64, sizeBytes: UInt64
    ) throws(ThalwegError) -> any StorageFile {
        let name = LogFormat.segmentName(first: firstIndex)
        let temporary = name + ".tmp"
        let file = try storage.open(temporary, .create)
        do {
            let header = RawBuffer(count: LogFormat.segmentHeaderBytes)
            SegmentHeader(logID: logID, firstIndex: firstIndex).store(to: header.base)
            try file.preallocate(sizeBytes: sizeBytes)
            try file.writeFully(header.bytes(0..<header.count), at: 0)
            try file.synchronize()
            try storage.rename(temporary, to: name)
            try storage.synchronizeDirectory()
        } catch {
            file.close()
            // Gives the room back; a retry starts anew.
            if error.code == .diskFull { try storage.remove(temporary) }
            throw error
        }
        return file
    }
}
