internal import CThalwegShims
internal import ThalwegModel

/// The first 64 bytes of a segment file; diagram in `LogFormat.swift`.
struct SegmentHeader {
    let logID: UInt64
    let firstIndex: UInt64

    init(logID: UInt64, firstIndex: UInt64) {
        self.logID = logID
        self.firstIndex = firstIndex
    }

    /// Throws `logDamaged` for anything but a whole header of this format version.
    init(
        reading file: any StorageFile, name: String, into buffer: RawBuffer
    )
        throws(ThalwegError)
    {
        let size = LogFormat.segmentHeaderBytes
        let read = try file.readFully(into: buffer, at: 0, count: size)
        guard read == size else {
            throw .damaged(name, at: 0, "the file ends within its header")
        }
        // Safe: RawBuffer holds at least `size` bytes, all filled by the read above.
        let bytes = UnsafeRawPointer(buffer.base)
        guard bytes.littleEndian64(at: 0) == LogFormat.segmentMagic else {
            throw .damaged(name, at: 0, "this is not a segment of a log")
        }
        let stored = bytes.littleEndian32(at: size - 4)
        guard thalweg_crc32c(0, bytes, size - 4) == stored else {
            throw .damaged(name, at: 0, "the header's checksum is wrong")
        }
        let version = bytes.littleEndian32(at: 8)
        guard version == LogFormat.version else {
            throw ThalwegError(
                .unsupportedVersion, "\(name) has format version \(version)",
                advice: "open it with the release that wrote it",
                limit: UInt64(LogFormat.version), value: UInt64(version))
        }
        logID = bytes.littleEndian64(at: 16)
        firstIndex = bytes.littleEndian64(at: 24)
        guard firstIndex > 0, LogFormat.segmentName(first: firstIndex) == name else {
            throw .damaged(name, at: 24, "it begins with entry \(firstIndex), its name says else")
        }
    }

    /// Safe: the caller passes at least 64 writable bytes.
    func store(to bytes: UnsafeMutableRawPointer) {
        let size = LogFormat.segmentHeaderBytes
        bytes.initializeMemory(as: UInt8.self, repeating: 0, count: size)
        bytes.storeLittleEndian(LogFormat.segmentMagic, at: 0)
        bytes.storeLittleEndian(LogFormat.version, at: 8)
        bytes.storeLittleEndian(logID, at: 16)
        bytes.storeLittleEndian(firstIndex, at: 24)
        bytes.storeLittleEndian(thalweg_crc32c(0, bytes, size - 4), at: size - 4)
    }
}

extension ThalwegError {
    /// Damage at a place in a file, with the only advice there is.
    static func damaged(_ name: String, at offset: UInt64, _ what: String) -> ThalwegError {
        ThalwegError(
            .logDamaged, "\(name) is damaged at byte \(offset): \(what)",
            advice: "keep a copy of the data directory, then restore a backup or, in a cluster, "
                + "start the node with --refetch")
    }
}
