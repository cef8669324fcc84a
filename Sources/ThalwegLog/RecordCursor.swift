internal import ThalwegModel

/// Reads the records of one segment in order, checking everything; also looks at what lies behind.
final class RecordCursor {
    enum Step {
        /// A whole entry; its payload lies in the cursor's window until the next call.
        case entry(RecordHeader, UnsafeRawBufferPointer)
        case mark(durableIndex: UInt64)
        case seal
        /// Zeros, or the end of the file.
        case end
        /// Not the record that was expected, and why.
        case bad(String)
    }

    /// What stands behind the last valid record.
    struct Tail {
        /// Where the last byte that is not zero ends; nil if there is none.
        var usedEnd: UInt64?
        /// The highest durable index that a valid record there states, and its offset.
        var evidence: (offset: UInt64, durableIndex: UInt64)?
    }

    let name: String
    let fileBytes: UInt64
    /// Where the next record begins.
    private(set) var offset = UInt64(LogFormat.segmentHeaderBytes)
    private let file: any StorageFile
    private let seed: UInt32
    private static let usualWindowBytes = 4 << 20
    private var window: RawBuffer
    private var windowStart: UInt64 = 0
    private var windowCount = 0

    init(file: any StorageFile, name: String, logID: UInt64) throws(ThalwegError) {
        self.file = file
        self.name = name
        seed = Checksum.seed(logID)
        fileBytes = try file.size()
        window = RawBuffer(count: Int(min(fileBytes, UInt64(Self.usualWindowBytes))) + 8)
    }

    deinit { file.close() }

    /// Opens a segment, checks its header, stands at its first record.
    static func open(
        _ storage: any Storage, _ name: String
    ) throws(ThalwegError) -> (RecordCursor, SegmentHeader) {
        let file = try storage.open(name, .read)
        let buffer = RawBuffer(count: LogFormat.segmentHeaderBytes)
        let header = try SegmentHeader(reading: file, name: name, into: buffer)
        return (try RecordCursor(file: file, name: name, logID: header.logID), header)
    }

    /// Goes to a place where a record begins.
    func move(to offset: UInt64) {
        self.offset = offset
    }

    /// Reads the record that should be entry `index`, a mark before it, or the seal before it.
    /// Moves on only past an entry.
    func next(expecting index: UInt64) throws(ThalwegError) -> Step {
        let size = LogFormat.recordHeaderBytes
        guard let start = try bytes(at: offset, count: size) else { return .end }
        let header = RecordHeader(start)
        if header.isZero { return .end }
        switch try check(header, at: offset) {
        case .failure(let reason): return .bad(reason.text)
        case .success(let kind):
            guard header.index == index else {
                return .bad("entry \(header.index) stands where \(index) belongs")
            }
            if kind == .mark { return .mark(durableIndex: header.durableIndex) }
            if kind == .seal { return .seal }
            let total = LogFormat.recordBytes(payload: Int(header.length))
            guard let start = try bytes(at: offset, count: total) else {
                return .bad("the file ends within the record")
            }
            offset += UInt64(total)
            // Safe: `bytes` gave `total` bytes, valid until the window moves at the next call.
            return .entry(
                header, UnsafeRawBufferPointer(start: start + size, count: Int(header.length)))
        }
    }

    private struct Reason: Error {
        let text: String
    }

    /// Whether a whole valid record stands at `position`, whatever its index.
    private func check(
        _ header: RecordHeader, at position: UInt64
    ) throws(ThalwegError) -> Result<RecordKind, Reason> {
        guard let kind = RecordKind(rawValue: header.kind),
            header.length <= LogFormat.maximumPayloadBytes,
            kind.entry != nil || header.length == 0,
            header.durableIndex < header.index
        else { return .failure(Reason(text: "a record's header makes no sense")) }
        let length = Int(header.length)
        let total = LogFormat.recordBytes(payload: length)
        guard let start = try bytes(at: position, count: total) else {
            return .failure(Reason(text: "the file ends within a record"))
        }
        let size = LogFormat.recordHeaderBytes
        let payload = UnsafeRawBufferPointer(start: start + size, count: length)
        guard RecordHeader.checksum(header: start, payload: payload, seed: seed) == header.checksum
        else { return .failure(Reason(text: "a record's checksum is wrong")) }
        for padding in size + length..<total
        where start.load(fromByteOffset: padding, as: UInt8.self) != 0 {
            return .failure(Reason(text: "a record's padding is not zero"))
        }
        return .success(kind)
    }

    // MARK: What lies behind the end

    /// Looks through everything from `start` on, after the record of entry `index` failed.
    ///
    /// Looks for proof that `index` was durable. A valid record of an earlier life of these bytes
    /// cannot be proof: an index as high as this one did not exist then.
    func tail(from start: UInt64, missing index: UInt64) throws(ThalwegError) -> Tail {
        var tail = Tail()
        tail.usedEnd = try usedEnd(from: start)
        guard let end = tail.usedEnd else { return tail }
        // Payloads may be full of look-alikes with wrong sums: what they may cost is bounded.
        var budget = UInt64(8 << 30)
        var position = start
        while position < end {
            defer { position += 8 }
            guard let found = try bytes(at: position, count: LogFormat.recordHeaderBytes) else {
                break
            }
            let header = RecordHeader(found)
            guard isPlausible(header, at: position, behind: start, missing: index) else {
                continue
            }
            guard budget > UInt64(header.length) else {
                throw .damaged(name, at: start, "too much here only looks like records")
            }
            budget -= UInt64(header.length)
            if case .success = try check(header, at: position) {
                if header.durableIndex > tail.evidence?.durableIndex ?? 0 {
                    tail.evidence = (position, header.durableIndex)
                }
            }
        }
        return tail
    }

    /// Whether a record could stand here that proves `index` durable. Every record takes at least
    /// its header, so between the missing one and this one there is room for so many indices and
    /// no more: what a payload holds by chance is almost never in that range.
    private func isPlausible(
        _ header: RecordHeader, at position: UInt64, behind start: UInt64, missing index: UInt64
    ) -> Bool {
        let room = (position - start) / UInt64(LogFormat.recordHeaderBytes) + 1
        guard let kind = RecordKind(rawValue: header.kind),
            kind.entry != nil || header.length == 0,
            header.length <= LogFormat.maximumPayloadBytes,
            header.durableIndex >= index, header.durableIndex < header.index,
            header.index - index <= room
        else { return false }
        let total = LogFormat.recordBytes(payload: Int(header.length))
        return UInt64(total) <= fileBytes - position
    }

    private func usedEnd(from start: UInt64) throws(ThalwegError) -> UInt64? {
        var used: UInt64?
        var position = start
        while position < fileBytes {
            let count = Int(min(fileBytes - position, 64 << 10))
            guard let piece = try bytes(at: position, count: count) else { break }
            // Safe: `count` bytes from `piece` on are readable.
            let content = UnsafeRawBufferPointer(start: piece, count: count)
            var words = 0
            while words + 8 <= count, piece.littleEndian64(at: words) == 0 { words += 8 }
            if let last = content[words...].lastIndex(where: { $0 != 0 }) {
                used = position + UInt64(last) + 1
            }
            position += UInt64(count)
        }
        return used
    }

    // MARK: The window

    /// `count` bytes of the file, nil if it ends before; valid until the next call.
    private func bytes(at position: UInt64, count: Int) throws(ThalwegError) -> UnsafeRawPointer? {
        let end = position + UInt64(count)
        guard end <= fileBytes else { return nil }
        if position < windowStart || end > windowStart + UInt64(windowCount) {
            if count > window.count {
                // Room for more than one, so that few reads begin again within a record.
                let several = min(UInt64(count) * 4, fileBytes - position)
                window = RawBuffer(count: max(count, Int(several)))
            }
            windowStart = position
            windowCount = 0
            let wanted = Int(min(UInt64(window.count), fileBytes - position))
            windowCount = try file.readFully(into: window, at: position, count: wanted)
            guard windowCount >= count else {
                throw ThalwegError(
                    .storageFailed, "\(name) became shorter while it was read",
                    advice: "let nothing else touch the data directory")
            }
        }
        return UnsafeRawPointer(window.base) + Int(position - windowStart)
    }
}
