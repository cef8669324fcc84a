// A stretch of a topic's history on disk: written once, mapped from then on.
//
//    0   u64   "THWGHIST"
//    8   u32   version (1) │ u32 CRC32C of everything behind it
//   16   u32   topic │ u32 changes
//   24   u64   first offset │ u64 bytes of changes │ i64 first time │ i64 last time
//   56   u64   0
//   64   …     changes, then u32 × changes: where each begins
internal import CThalwegShims
internal import Glibc
internal import Synchronization
public import ThalwegModel

/// A mapped file of the history. The mapping ends with the last reference; any thread may read.
public final class HistoryFile: @unchecked Sendable {
    static let magic: UInt64 = 0x5453_4948_4757_4854
    static let headerSize = 64

    public let path: String
    public let topic: UInt32
    public let count: Int
    public let firstOffset: UInt64
    public let firstTime: Int64
    public let lastTime: Int64
    /// The changes, one behind the other.
    public let contents: UnsafeRawBufferPointer
    /// Where each begins in `contents`.
    public let positions: UnsafeBufferPointer<UInt32>
    private let mapping: UnsafeRawBufferPointer
    private let checksum: UInt32
    private let isChecked = Atomic<Bool>(false)
    /// It has no name any more, and another node or a snapshot has what is in it.
    private let isScratch: Bool

    /// Maps the file and checks that it is one, of the right size.
    ///
    /// Throws `log_damaged`, `storage_failed`.
    init(path: String, isScratch: Bool = false) throws(ThalwegError) {
        self.isScratch = isScratch
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw HistoryFile.damaged(path, "it cannot be opened (errno \(errno))")
        }
        defer { Glibc.close(descriptor) }
        let size = Int(lseek(descriptor, 0, SEEK_END))
        guard size >= HistoryFile.headerSize else {
            throw HistoryFile.damaged(path, "it has \(size) bytes")
        }
        guard let base = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0),
            base != MAP_FAILED
        else {
            throw ThalwegError(
                .storageFailed, "'\(path)' cannot be mapped (errno \(errno))",
                advice: "check the limits on memory maps")
        }
        mapping = UnsafeRawBufferPointer(start: base, count: size)
        // Safe: the header is there, and the parts behind it are looked for before they are lent.
        let contentBytes = Int(clamping: base.load(fromByteOffset: 32, as: UInt64.self))
        count = Int(base.load(fromByteOffset: 20, as: UInt32.self))
        guard base.load(as: UInt64.self) == HistoryFile.magic,
            base.load(fromByteOffset: 8, as: UInt32.self) == 1,
            contentBytes <= size, contentBytes % 8 == 0,
            HistoryFile.headerSize + contentBytes + 4 * count == size
        else {
            munmap(base, size)
            throw HistoryFile.damaged(path, "its header is not that of a history")
        }
        self.path = path
        checksum = base.load(fromByteOffset: 12, as: UInt32.self)
        topic = base.load(fromByteOffset: 16, as: UInt32.self)
        firstOffset = base.load(fromByteOffset: 24, as: UInt64.self)
        firstTime = base.load(fromByteOffset: 40, as: Int64.self)
        lastTime = base.load(fromByteOffset: 48, as: Int64.self)
        contents = UnsafeRawBufferPointer(
            start: base + HistoryFile.headerSize, count: contentBytes)
        positions = UnsafeBufferPointer(
            start: (base + HistoryFile.headerSize + contentBytes).assumingMemoryBound(
                to: UInt32.self), count: count)
    }

    deinit {
        munmap(UnsafeMutableRawPointer(mutating: mapping.baseAddress), mapping.count)
    }

    /// Compares the file with its sum, the first time that it is asked.
    ///
    /// Throws `log_damaged`: what is in it must not be served.
    public func check() throws(ThalwegError) {
        guard !isChecked.load(ordering: .relaxed) else { return }
        let body = UnsafeRawBufferPointer(rebasing: mapping[16...])
        guard thalweg_crc32c(0, body.baseAddress, body.count) == checksum else {
            guard isScratch else { throw HistoryFile.damaged(path, "its sum does not fit") }
            throw ThalwegError(
                .logDamaged, "a part of the history of topic \(topic) is not what was written",
                advice: "start the node again: it takes the history from its snapshot and its log")
        }
        isChecked.store(true, ordering: .relaxed)
    }

    private static func damaged(_ path: String, _ reason: String) -> ThalwegError {
        ThalwegError(
            .logDamaged, "the history file '\(path)' cannot be used: \(reason)",
            advice: "restore the data directory from a backup")
    }
}
