internal import ThalwegModel

// What a node of a cluster must never forget, twice: `consensus-1` and `consensus-2`.
//
//   "THALWEGV" | u32 version | u32 0 | u64 sequence | u64 node | u64 cluster | u64 term | u64 vote
//   | u64 truncate from | u64 install | zeros to 92 | u32 crc32c of bytes 0..<92
//
// Saving writes and syncs one file, then the other, each with the same sequence number, and only then
// counts; the first is the one that is not known to be whole. So a crash leaves at least one whole file, and if it is the older one, nobody
// was told of the newer; and one file that the disk damages later loses nothing, for the other has
// the same. Two that are damaged stop the node.

/// A node's identity, its vote, and the step that it was in the middle of.
package struct ReplicaState: Sendable, Hashable {
    /// The node's identity, made with the directory.
    package var node: UInt64
    /// The cluster it belongs to; 0 until it has joined one.
    package var cluster: UInt64 = 0
    package var term: UInt64 = 0
    /// Whom the node voted for in `term`; 0 for nobody.
    package var vote: UInt64 = 0
    /// Entries from here on are void, and may or may not be cut off yet; 0: nothing to cut.
    package var truncateFrom: UInt64 = 0
    /// A received snapshot that takes the place of the log, or is about to; 0: none.
    package var install: UInt64 = 0

    package init(node: UInt64) {
        self.node = node
    }
}

/// The two files. One thread.
final class ReplicaStateFiles {
    static let names = ["consensus-1", "consensus-2"]
    private static let magic: UInt64 = 0x5647_4557_4c41_4854  // "THALWEGV", little-endian
    private static let version: UInt32 = 1
    private static let sizeBytes = 96

    private let storage: any Storage
    private var files: [any StorageFile] = []
    private var sequence: UInt64 = 0
    private var isCreated: Bool
    /// The file that is written first: the other one is whole.
    private var stale = 0
    /// Both files were whole and the same when they were read.
    private(set) var areBothWhole = false
    /// What both files say; nil until something was saved.
    private(set) var current: ReplicaState?

    /// Reads what is there. Throws `log_damaged` if something was and cannot be read.
    init(_ storage: any Storage) throws(ThalwegError) {
        self.storage = storage
        let existing = Set(try storage.list())
        isCreated = existing.contains(Self.names[1])
        for (position, name) in Self.names.enumerated() where existing.contains(name) {
            let file = try storage.open(name, .read)
            defer { file.close() }
            guard let (sequence, state) = try Self.read(file, name) else { continue }
            areBothWhole = current != nil && sequence == self.sequence
            if current == nil || sequence > self.sequence {
                (self.sequence, current) = (sequence, state)
                stale = 1 - position
            }
        }
        // Without the second one nothing was ever promised.
        guard isCreated else {
            current = nil
            return
        }
        if current == nil {
            throw .damaged(Self.names[1], at: 0, "and so is \(Self.names[0]): the vote is lost")
        }
    }

    deinit { close() }

    static func exist(in storage: any Storage) throws(ThalwegError) -> Bool {
        try storage.list().contains(names[1])
    }

    /// Returns when both files are durable. An error but `disk_full` ends the log.
    func save(_ state: ReplicaState) throws(ThalwegError) {
        guard isCreated else {
            try create(state)
            isCreated = true
            return
        }
        if files.isEmpty { try open() }
        let buffer = RawBuffer(count: Self.sizeBytes)
        Self.store(state, sequence: sequence + 1, to: buffer.base)
        for position in [stale, 1 - stale] {
            // Until it is synced it is the other one that is whole.
            stale = position
            try files[position].writeFully(buffer.bytes(0..<buffer.count), at: 0)
            try files[position].synchronize()
            stale = 1 - position
        }
        sequence += 1
        current = state
    }

    func close() {
        for file in files { file.close() }
        files = []
    }

    private func open() throws(ThalwegError) {
        for name in Self.names { files.append(try storage.open(name, .readWrite)) }
    }

    /// Makes the two files: each is whole before it has its name, and the second gets its own last.
    private func create(_ state: ReplicaState) throws(ThalwegError) {
        let buffer = RawBuffer(count: Self.sizeBytes)
        Self.store(state, sequence: 1, to: buffer.base)
        for name in Self.names {
            let file = try storage.open(name + ".tmp", .create)
            defer { file.close() }
            try file.writeFully(buffer.bytes(0..<buffer.count), at: 0)
            try file.synchronize()
            try storage.rename(name + ".tmp", to: name)
            try storage.synchronizeDirectory()
        }
        sequence = 1
        current = state
        try open()
    }

    /// Safe: the caller passes `sizeBytes` writable bytes.
    private static func store(
        _ state: ReplicaState, sequence: UInt64, to bytes: UnsafeMutableRawPointer
    ) {
        bytes.storeLittleEndian(magic, at: 0)
        bytes.storeLittleEndian(version, at: 8)
        let numbers = [
            sequence, state.node, state.cluster, state.term, state.vote, state.truncateFrom,
            state.install,
        ]
        for (position, number) in numbers.enumerated() {
            bytes.storeLittleEndian(number, at: 16 + 8 * position)
        }
        let covered = UnsafeRawBufferPointer(start: bytes, count: sizeBytes - 4)
        bytes.storeLittleEndian(Checksum.extend(0, covered), at: sizeBytes - 4)
    }

    /// Nil for a file that is not whole.
    private static func read(
        _ file: any StorageFile, _ name: String
    ) throws(ThalwegError) -> (UInt64, ReplicaState)? {
        let buffer = RawBuffer(count: sizeBytes)
        guard try file.readFully(into: buffer, at: 0, count: sizeBytes) == sizeBytes else {
            return nil
        }
        // Safe: the buffer was filled.
        let bytes = UnsafeRawPointer(buffer.base)
        guard bytes.littleEndian64(at: 0) == magic,
            Checksum.extend(0, buffer.bytes(0..<sizeBytes - 4))
                == bytes.littleEndian32(at: sizeBytes - 4)
        else { return nil }
        let found = bytes.littleEndian32(at: 8)
        guard found == version else {
            throw ThalwegError(
                .unsupportedVersion, "\(name) has format version \(found)",
                advice: "open it with the release that wrote it", limit: UInt64(version),
                value: UInt64(found))
        }
        func number(_ position: Int) -> UInt64 { bytes.littleEndian64(at: 16 + 8 * position) }
        var state = ReplicaState(node: number(1))
        state.cluster = number(2)
        state.term = number(3)
        state.vote = number(4)
        state.truncateFrom = number(5)
        state.install = number(6)
        return (number(0), state)
    }
}
