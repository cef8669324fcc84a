internal import CThalwegShims
internal import Glibc
internal import Synchronization
public import ThalwegModel

/// A stretch of history that is to be kept on disk.
public struct HistoryStretch: Sendable {
    public let topic: UInt32
    public let firstOffset: UInt64
    public let firstTime: Int64
    public let lastTime: Int64
    public let contents: [UInt8]
    public let positions: [UInt32]

    public init(
        topic: UInt32, firstOffset: UInt64, firstTime: Int64, lastTime: Int64,
        contents: [UInt8], positions: [UInt32]
    ) {
        self.topic = topic
        self.firstOffset = firstOffset
        self.firstTime = firstTime
        self.lastTime = lastTime
        self.contents = contents
        self.positions = positions
    }
}

/// The files of the histories of a node's topics: `history/TOPIC-FIRST.history` in its data
/// directory. A file is made whole, synchronised and named, or not there. Any thread.
///
/// Where snapshots hold the histories, the files are *scratch*: they only make room in memory. They
/// are neither synchronised nor named, so they go with the last reference or with the process.
public final class HistoryShelf: Sendable {
    /// Whether files last for this process only.
    public let isScratch: Bool
    private let storage: DiskStorage
    private let scratchNumber = Atomic<UInt64>(0)

    /// - Parameter directory: the node's data directory.
    public init(directory: String, isScratch: Bool = false) throws(ThalwegError) {
        storage = try DiskStorage(path: HistoryShelf.folder(directory))
        self.isScratch = isScratch
    }

    /// Whether the node ever made its shelf: to look at a directory without changing it.
    static func isThere(directory: String) -> Bool {
        access(folder(directory), F_OK) == 0
    }

    private static func folder(_ directory: String) -> String { directory + "/history" }

    /// Writes a stretch and maps it. Durable when it returns, unless files are scratch. Blocks.
    ///
    /// Throws `disk_full`, `sync_failed`, `storage_failed`.
    public func store(_ stretch: HistoryStretch) throws(ThalwegError) -> HistoryFile {
        guard !isScratch else { return try storeScratch(stretch) }
        let name = HistoryShelf.name(stretch.topic, stretch.firstOffset)
        let draft = name + ".new"
        let file = try write(stretch, draft)
        defer { file.close() }
        try file.synchronize()
        try storage.rename(draft, to: name)
        try storage.synchronizeDirectory()
        return try HistoryFile(path: storage.path + "/" + name)
    }

    /// Takes the name away as soon as the file is mapped: no crash leaves more than a draft.
    private func storeScratch(_ stretch: HistoryStretch) throws(ThalwegError) -> HistoryFile {
        let number = scratchNumber.wrappingAdd(1, ordering: .relaxed).newValue
        let name = "scratch-\(number).new"
        do throws(ThalwegError) {
            try write(stretch, name).close()
            let file = try HistoryFile(path: storage.path + "/" + name, isScratch: true)
            try storage.remove(name)
            return file
        } catch {
            // What was written takes room that may be what is missing.
            try storage.remove(name)
            throw error
        }
    }

    private func write(
        _ stretch: HistoryStretch, _ name: String
    ) throws(ThalwegError) -> any StorageFile {
        let file = try storage.open(name, .create)
        var bytes = HistoryShelf.encode(stretch)
        let result = bytes.withUnsafeMutableBytes { bytes in
            Result { () throws(ThalwegError) in
                let body = UnsafeRawBufferPointer(rebasing: bytes[16...])
                bytes.storeBytes(
                    of: thalweg_crc32c(0, body.baseAddress, body.count), toByteOffset: 12,
                    as: UInt32.self)
                try file.writeFully(UnsafeRawBufferPointer(bytes), at: 0)
            }
        }
        do throws(ThalwegError) {
            try result.get()
        } catch {
            file.close()
            throw error
        }
        return file
    }

    private static func encode(_ stretch: HistoryStretch) -> [UInt8] {
        var writer = ByteWriter(
            reserving: HistoryFile.headerSize + stretch.contents.count
                + 4 * stretch.positions.count)
        writer.integer(HistoryFile.magic)
        writer.integer(UInt32(1))
        writer.integer(UInt32(0))
        writer.integer(stretch.topic)
        writer.integer(UInt32(stretch.positions.count))
        writer.integer(stretch.firstOffset)
        writer.integer(UInt64(stretch.contents.count))
        writer.integer(stretch.firstTime)
        writer.integer(stretch.lastTime)
        writer.integer(UInt64(0))
        writer.raw(stretch.contents)
        for position in stretch.positions { writer.integer(position) }
        return writer.bytes
    }

    /// Throws `log_damaged` where there is no such file, or it is not whole.
    public func open(topic: UInt32, firstOffset: UInt64) throws(ThalwegError) -> HistoryFile {
        let file = try HistoryFile(
            path: storage.path + "/" + HistoryShelf.name(topic, firstOffset))
        guard file.topic == topic, file.firstOffset == firstOffset else {
            throw ThalwegError(
                .logDamaged, "the history file '\(file.path)' is of another stretch",
                advice: "restore the data directory from a backup")
        }
        return file
    }

    /// No error where there is no such file.
    public func remove(topic: UInt32, firstOffset: UInt64) throws(ThalwegError) {
        try storage.remove(HistoryShelf.name(topic, firstOffset))
    }

    /// Removes every file that `isNeeded` does not ask for, and drafts; gives how many.
    @discardableResult
    public func tidy(
        keeping isNeeded: (_ topic: UInt32, _ firstOffset: UInt64) -> Bool
    ) throws(ThalwegError) -> Int {
        var removed = 0
        for name in try storage.list() {
            if let (topic, first) = HistoryShelf.parse(name), isNeeded(topic, first) { continue }
            try storage.remove(name)
            removed += 1
        }
        return removed
    }

    /// Reads every file and checks its sum; gives files and bytes.
    public func verify() throws(ThalwegError) -> (files: Int, bytes: Int) {
        var sum = (files: 0, bytes: 0)
        for name in try storage.list().sorted() {
            guard let (topic, first) = HistoryShelf.parse(name) else { continue }
            let file = try open(topic: topic, firstOffset: first)
            try file.check()
            sum.files += 1
            sum.bytes += file.contents.count
        }
        return sum
    }

    static func name(_ topic: UInt32, _ firstOffset: UInt64) -> String {
        "\(topic)-\(firstOffset).history"
    }

    static func parse(_ name: String) -> (topic: UInt32, firstOffset: UInt64)? {
        guard name.hasSuffix(".history") else { return nil }
        let parts = name.dropLast(8).split(separator: "-")
        guard parts.count == 2, let topic = UInt32(parts[0]), let first = UInt64(parts[1]) else {
            return nil
        }
        return (topic, first)
    }
}
