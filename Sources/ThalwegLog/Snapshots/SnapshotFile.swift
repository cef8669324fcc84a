internal import ThalwegModel

/// A snapshot being written: blocks, sums, and the steps that make it durable. One thread.
final class SnapshotFile {
    private let storage: any Storage
    private let name: String
    private let file: any StorageFile
    private let seed: UInt32
    private let syncBytes: UInt64
    /// A block being filled, behind room for its header.
    private let buffer: RawBuffer
    private var buffered = 0
    private var offset = UInt64(SnapshotFormat.headerBytes)
    private var syncedOffset: UInt64 = 0
    private var blocks: UInt32 = 0
    private var payloadBytes: UInt64 = 0

    init(
        storage: any Storage, logID: UInt64, index: UInt64, place: SnapshotPlace = SnapshotPlace(),
        syncBytes: Int
    ) throws(ThalwegError) {
        self.storage = storage
        self.syncBytes = UInt64(syncBytes)
        name = LogFormat.snapshotName(at: index)
        seed = Checksum.seed(logID, index)
        buffer = RawBuffer(count: SnapshotFormat.blockHeaderBytes + SnapshotFormat.blockBytes)
        file = try storage.open(name + ".tmp", .create)
        let header = RawBuffer(count: SnapshotFormat.headerBytes)
        SnapshotFormat.storeHeader(to: header.base, logID: logID, index: index, place: place)
        do {
            try file.writeFully(header.bytes(0..<header.count), at: 0)
            if !place.membership.isEmpty {
                precondition(place.membership.count <= SnapshotFormat.blockBytes, "checked before")
                let start = SnapshotFormat.blockHeaderBytes
                buffered = place.membership.count
                buffer.mutableBytes(start..<start + buffered).copyBytes(from: place.membership)
                try flush(.membership)
            }
        } catch {
            file.close()
            throw error
        }
    }

    func append(_ bytes: [UInt8]) throws(ThalwegError) {
        var copied = 0
        while copied < bytes.count {
            let count = min(bytes.count - copied, SnapshotFormat.blockBytes - buffered)
            let start = SnapshotFormat.blockHeaderBytes + buffered
            let target = buffer.mutableBytes(start..<start + count)
            bytes.withUnsafeBytes { source in
                let piece = source[copied..<copied + count]
                target.copyMemory(from: UnsafeRawBufferPointer(rebasing: piece))
            }
            copied += count
            buffered += count
            if buffered == SnapshotFormat.blockBytes { try flush(.data) }
        }
    }

    /// Makes the snapshot durable under its name.
    func finish() throws(ThalwegError) {
        try complete()
        try publish()
    }

    /// Writes the end and makes the bytes durable.
    func complete() throws(ThalwegError) {
        if buffered > 0 { try flush(.data) }
        // Safe: the buffer has room for a header and the two totals.
        let totals = buffer.base + SnapshotFormat.blockHeaderBytes
        totals.storeLittleEndian(UInt64(blocks), at: 0)
        totals.storeLittleEndian(payloadBytes, at: 8)
        buffered = SnapshotFormat.endPayloadBytes
        try flush(.end)
        try file.synchronize()
        file.close()
    }

    /// Gives the complete file its name.
    func publish() throws(ThalwegError) {
        try storage.rename(name + ".tmp", to: name)
        try storage.synchronizeDirectory()
    }

    /// Removes what was written.
    func discard() throws(ThalwegError) {
        file.close()
        try storage.remove(name + ".tmp")
    }

    private func flush(_ kind: SnapshotFormat.Kind) throws(ThalwegError) {
        let size = SnapshotFormat.blockHeaderBytes
        let payload = buffer.bytes(size..<size + buffered)
        SnapshotFormat.storeBlockHeader(
            to: buffer.base, kind: kind, number: blocks, payload: payload, seed: seed)
        try file.writeFully(buffer.bytes(0..<size + buffered), at: offset)
        offset += UInt64(size + buffered)
        if kind == .data {
            blocks += 1
            payloadBytes += UInt64(buffered)
        }
        buffered = 0
        if offset - syncedOffset >= syncBytes {
            try file.synchronize()
            syncedOffset = offset
        }
    }
}
