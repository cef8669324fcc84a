internal import Synchronization
public import ThalwegModel

/// A directory in memory that behaves as badly as disks do, the same way for the same seed.
///
/// It keeps two truths: what callers see, and what a power failure would leave. Contents move from
/// one to the other by `synchronize`, names by `synchronizeDirectory`. `crash()` loses, keeps or
/// tears every write in between, each by itself and in pieces of a sector or of any size, and keeps
/// any part of the unsynced creations, renames and removals. This is harsher than a journaling file
/// system, and no harsher than what POSIX promises.
public final class FaultyStorage: Storage {
    private let state: Mutex<FaultyDisk>

    public init(seed: UInt64) {
        state = Mutex(FaultyDisk(seed: seed))
    }

    // MARK: Faults

    /// Sets what goes wrong from now on, and begins to count anew.
    public func setFaults(_ faults: StorageFaults) {
        state.withLock { $0.setFaults(faults) }
    }

    /// The power fails, and comes back: files and names are what the disk kept, no fault is set, no
    /// lock is held. Files that were open fail from now on.
    public func crash() {
        state.withLock { $0.crash() }
    }

    /// The process dies and another starts: nothing is lost, files that were open fail from now on.
    public func killProcess() {
        state.withLock { $0.killProcess() }
    }

    /// Calls that changed something since faults were set last.
    public var operationCount: Int { state.withLock { $0.operations } }

    /// The power failed; until a `crash` every call throws.
    public var isPowerOff: Bool { state.withLock { $0.isPowerOff } }

    /// Syncs since faults were set last.
    public var synchronizationCount: Int { state.withLock { $0.synchronizations } }

    // MARK: The medium itself

    /// The bytes of a file, nil if there is none.
    public func contents(of name: String) -> [UInt8]? {
        state.withLock { $0.contents(of: name) }
    }

    /// Puts a file there, durable at once; nil removes it.
    public func setContents(of name: String, _ bytes: [UInt8]?) {
        state.withLock { $0.setContents(of: name, bytes) }
    }

    /// Flips bit `bit` (0–7) of the byte at `offset`; durable at once.
    public func flipBit(in name: String, at offset: Int, bit: Int) {
        guard var bytes = contents(of: name), bytes.indices.contains(offset) else { return }
        bytes[offset] ^= 1 << UInt8(bit & 7)
        setContents(of: name, bytes)
    }

    // MARK: Storage

    public func list() throws(ThalwegError) -> [String] {
        try state.withLock { (disk) throws(ThalwegError) in try disk.list() }
    }

    public func open(
        _ name: String, _ access: StorageAccess
    ) throws(ThalwegError) -> any StorageFile {
        let handle = try state.withLock { (disk) throws(ThalwegError) in
            try disk.open(name, access)
        }
        return File(storage: self, handle: handle)
    }

    public func rename(_ from: String, to: String) throws(ThalwegError) {
        try state.withLock { (disk) throws(ThalwegError) in try disk.rename(from, to: to) }
    }

    public func remove(_ name: String) throws(ThalwegError) {
        try state.withLock { (disk) throws(ThalwegError) in try disk.remove(name) }
    }

    public func synchronizeDirectory() throws(ThalwegError) {
        try state.withLock { (disk) throws(ThalwegError) in try disk.synchronizeDirectory() }
    }

    public func lock() throws(ThalwegError) {
        try state.withLock { (disk) throws(ThalwegError) in try disk.lock() }
    }

    public func unlock() {
        state.withLock { $0.isLocked = false }
    }

    private final class File: StorageFile {
        private let storage: FaultyStorage
        private let handle: FaultyDisk.Handle

        init(storage: FaultyStorage, handle: FaultyDisk.Handle) {
            self.storage = storage
            self.handle = handle
        }

        func read(
            into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64
        ) throws(ThalwegError) -> Int {
            let bytes = try storage.state.withLock { (disk) throws(ThalwegError) in
                try disk.read(handle, count: buffer.count, at: Int(offset))
            }
            buffer.copyBytes(from: bytes)
            return bytes.count
        }

        func write(
            _ bytes: UnsafeRawBufferPointer, at offset: UInt64
        ) throws(ThalwegError) -> Int {
            let copy = [UInt8](bytes)
            return try storage.state.withLock { (disk) throws(ThalwegError) in
                try disk.write(handle, copy, at: Int(offset))
            }
        }

        func preallocate(sizeBytes: UInt64) throws(ThalwegError) {
            try storage.state.withLock { (disk) throws(ThalwegError) in
                try disk.preallocate(handle, size: Int(sizeBytes))
            }
        }

        func synchronize() throws(ThalwegError) {
            try storage.state.withLock { (disk) throws(ThalwegError) in
                try disk.synchronize(handle)
            }
        }

        func size() throws(ThalwegError) -> UInt64 {
            try storage.state.withLock { (disk) throws(ThalwegError) in try disk.size(handle) }
        }

        func truncate(to sizeBytes: UInt64) throws(ThalwegError) {
            try storage.state.withLock { (disk) throws(ThalwegError) in
                try disk.truncate(handle, size: Int(sizeBytes))
            }
        }

        func close() {}
    }
}
