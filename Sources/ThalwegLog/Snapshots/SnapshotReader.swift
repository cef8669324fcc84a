internal import CThalwegShims
public import ThalwegModel

/// Streams a snapshot in verified blocks of up to 1 MiB. One thread.
public final class SnapshotReader {
    /// The state after applying this entry.
    public let index: UInt64
    /// Bytes that all blocks together hold.
    public let byteCount: UInt64
    public let name: String
    /// Its place in the history of leaders.
    public let place: SnapshotPlace
    let logID: UInt64
    private let file: any StorageFile
    private let seed: UInt32
    private let blockCount: UInt64
    private let endOffset: UInt64
    /// Where the first block of data begins.
    private let dataOffset: UInt64
    private var offset: UInt64
    private var blocks: UInt64 = 0
    private var bytesGiven: UInt64 = 0
    private let scratch = RawBuffer(count: 64)
    /// The block that was given last; made at the first.
    private var block: RawBuffer?

    /// Checks the header and the end; the blocks are checked as they are read.
    init(_ storage: any Storage, name: String) throws(ThalwegError) {
        self.name = name
        file = try storage.open(name, .read)
        let size = try file.size()
        let endBytes = SnapshotFormat.blockHeaderBytes + SnapshotFormat.endPayloadBytes
        guard size >= UInt64(SnapshotFormat.headerBytes + endBytes) else {
            throw .damaged(name, at: size, "the file is too short for a snapshot")
        }
        endOffset = size - UInt64(endBytes)

        // Safe: the scratch buffer holds a header, and later the end block.
        let bytes = UnsafeRawPointer(scratch.base)
        let headerBytes = SnapshotFormat.headerBytes
        _ = try file.readFully(into: scratch, at: 0, count: headerBytes)
        guard bytes.littleEndian64(at: 0) == SnapshotFormat.magic,
            bytes.littleEndian32(at: headerBytes - 4) == thalweg_crc32c(0, bytes, headerBytes - 4)
        else { throw .damaged(name, at: 0, "the header is wrong") }
        let version = bytes.littleEndian32(at: 8)
        guard version == SnapshotFormat.version else {
            throw ThalwegError(
                .unsupportedVersion, "\(name) has format version \(version)",
                advice: "open it with the release that wrote it",
                limit: UInt64(SnapshotFormat.version), value: UInt64(version))
        }
        logID = bytes.littleEndian64(at: 16)
        index = bytes.littleEndian64(at: 24)
        guard LogFormat.snapshotName(at: index) == name else {
            throw .damaged(name, at: 24, "it is of entry \(index), its name says else")
        }
        seed = Checksum.seed(logID, index)
        var place = SnapshotPlace()
        place.term = bytes.littleEndian64(at: 32)
        place.membershipIndex = bytes.littleEndian64(at: 40)
        (place.membership, dataOffset) = try Self.membership(file, name, seed, scratch)
        self.place = place
        offset = dataOffset

        _ = try file.readFully(into: scratch, at: endOffset, count: endBytes)
        let payload = scratch.bytes(SnapshotFormat.blockHeaderBytes..<endBytes)
        guard bytes.littleEndian32(at: 0) == UInt32(payload.count),
            bytes.littleEndian32(at: 8) == SnapshotFormat.Kind.end.rawValue,
            bytes.littleEndian32(at: 4)
                == SnapshotFormat.checksum(header: bytes, payload: payload, seed: seed)
        else { throw .damaged(name, at: endOffset, "its end is missing") }
        blockCount = bytes.littleEndian64(at: SnapshotFormat.blockHeaderBytes)
        byteCount = bytes.littleEndian64(at: SnapshotFormat.blockHeaderBytes + 8)
    }

    deinit { file.close() }

    /// The block of members behind the header, if there is one, and where the data begins.
    private static func membership(
        _ file: any StorageFile, _ name: String, _ seed: UInt32, _ scratch: RawBuffer
    ) throws(ThalwegError) -> ([UInt8], UInt64) {
        let start = UInt64(SnapshotFormat.headerBytes)
        let headerBytes = SnapshotFormat.blockHeaderBytes
        guard try file.readFully(into: scratch, at: start, count: headerBytes) == headerBytes else {
            throw .damaged(name, at: start, "the file ends within a block")
        }
        // Safe: the scratch buffer holds the block's header.
        let header = UnsafeRawPointer(scratch.base)
        guard header.littleEndian32(at: 8) == SnapshotFormat.Kind.membership.rawValue else {
            return ([], start)
        }
        let length = Int(header.littleEndian32(at: 0))
        guard length > 0, length <= SnapshotFormat.blockBytes else {
            throw .damaged(name, at: start, "a block's header is wrong")
        }
        let payload = RawBuffer(count: length)
        let read = try file.readFully(
            into: payload, at: start + UInt64(headerBytes), count: length)
        let bytes = payload.bytes(0..<length)
        guard read == length,
            SnapshotFormat.checksum(header: header, payload: bytes, seed: seed)
                == header.littleEndian32(at: 4)
        else { throw .damaged(name, at: start, "the block of members is wrong") }
        return (Array(bytes), start + UInt64(headerBytes + length))
    }

    /// The next block, nil after the last. Throws `logDamaged` or `storageFailed`.
    public func next() throws(ThalwegError) -> [UInt8]? {
        try nextLent().map { Array($0) }
    }

    /// As `next`, lent until the next call or the reader's end.
    public func nextLent() throws(ThalwegError) -> UnsafeRawBufferPointer? {
        let headerBytes = SnapshotFormat.blockHeaderBytes
        if offset == endOffset {
            guard blocks == blockCount, bytesGiven == byteCount else {
                throw .damaged(name, at: offset, "it has \(blocks) blocks of \(blockCount)")
            }
            return nil
        }
        let start = offset
        guard try file.readFully(into: scratch, at: start, count: headerBytes) == headerBytes else {
            throw .damaged(name, at: start, "the file ends within a block")
        }
        // Safe: the scratch buffer holds the block's header.
        let header = UnsafeRawPointer(scratch.base)
        let length = Int(header.littleEndian32(at: 0))
        let end = start + UInt64(headerBytes + length)
        guard length > 0, length <= SnapshotFormat.blockBytes, end <= endOffset,
            header.littleEndian32(at: 8) == SnapshotFormat.Kind.data.rawValue,
            header.littleEndian32(at: 12) == UInt32(truncatingIfNeeded: blocks)
        else { throw .damaged(name, at: start, "a block's header is wrong") }

        let block = try read(length, at: start + UInt64(headerBytes))
        let sum = SnapshotFormat.checksum(header: header, payload: block, seed: seed)
        guard sum == header.littleEndian32(at: 4) else {
            throw .damaged(name, at: start, "a block's checksum is wrong")
        }
        offset = end
        blocks += 1
        bytesGiven += UInt64(length)
        return block
    }

    /// Reads everything from here to the end; throws as `next`.
    func verify() throws(ThalwegError) {
        while try nextLent() != nil {}
        offset = dataOffset
        blocks = 0
        bytesGiven = 0
    }

    private func read(
        _ count: Int, at position: UInt64
    ) throws(ThalwegError) -> UnsafeRawBufferPointer {
        let block = block ?? RawBuffer(count: SnapshotFormat.blockBytes)
        self.block = block
        guard try file.readFully(into: block, at: position, count: count) == count else {
            throw .damaged(name, at: position, "the file ends within a block")
        }
        return block.bytes(0..<count)
    }
}
