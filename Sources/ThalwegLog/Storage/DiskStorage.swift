internal import Glibc
internal import Synchronization
public import ThalwegModel

/// A directory of a real file system.
public final class DiskStorage: Storage {
    public let path: String
    private let directory: Int32
    /// The lock file's descriptor while the lock is held.
    private let lockDescriptor = Mutex<Int32?>(nil)

    /// Opens the directory, making it (and what leads to it) if it does not exist.
    /// Throws `storageFailed`.
    public init(path: String) throws(ThalwegError) {
        self.path = path
        var prefix = path.hasPrefix("/") ? "/" : ""
        for part in path.split(separator: "/") {
            prefix += part
            if mkdir(prefix, 0o750) != 0, errno != EEXIST {
                throw Self.failure("make the directory", prefix, errno)
            }
            prefix += "/"
        }
        directory = Glibc.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { throw Self.failure("open the directory", path, errno) }
    }

    deinit {
        unlock()
        Glibc.close(directory)
    }

    public func list() throws(ThalwegError) -> [String] {
        let descriptor = openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure("list", path, errno) }
        guard let stream = fdopendir(descriptor) else {
            let code = errno
            Glibc.close(descriptor)
            throw Self.failure("list", path, code)
        }
        defer { closedir(stream) }
        var names: [String] = []
        while true {
            errno = 0
            guard let entry = readdir(stream) else {
                guard errno == 0 else { throw Self.failure("list", path, errno) }
                return names
            }
            guard entry.pointee.d_type != UInt8(DT_DIR) else { continue }
            // Safe: the kernel ends d_name with a zero; the entry is valid until the next readdir.
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            names.append(name)
        }
    }

    public func open(
        _ name: String, _ access: StorageAccess
    ) throws(ThalwegError) -> any StorageFile {
        let flags: Int32
        switch access {
        case .read: flags = O_RDONLY
        case .readWrite: flags = O_RDWR
        case .create: flags = O_RDWR | O_CREAT | O_TRUNC
        }
        let descriptor = openat(directory, name, flags | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw Self.failure("open", full(name), errno) }
        return DiskFile(descriptor: descriptor, path: full(name))
    }

    public func rename(_ from: String, to: String) throws(ThalwegError) {
        guard renameat(directory, from, directory, to) == 0 else {
            throw Self.failure("rename", full(from), errno)
        }
    }

    public func remove(_ name: String) throws(ThalwegError) {
        guard unlinkat(directory, name, 0) == 0 || errno == ENOENT else {
            throw Self.failure("remove", full(name), errno)
        }
    }

    public func synchronizeDirectory() throws(ThalwegError) {
        guard fsync(directory) == 0 else { throw Self.syncFailure(path, errno) }
    }

    public func lock() throws(ThalwegError) {
        let descriptor = openat(directory, "lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o640)
        guard descriptor >= 0 else { throw Self.failure("open", full("lock"), errno) }
        var attempts = 0
        while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
            let code = errno
            // A process that is ending, or one on its way from fork to exec, has it for a moment.
            if code == EWOULDBLOCK, attempts < 10 {
                attempts += 1
                usleep(50_000)
                continue
            }
            Glibc.close(descriptor)
            guard code == EWOULDBLOCK else { throw Self.failure("lock", full("lock"), code) }
            throw ThalwegError(
                .dataDirectoryInUse, "another process has the data directory \(path)",
                advice: "stop it, or give this one a directory of its own")
        }
        lockDescriptor.withLock { held in
            if let held { Glibc.close(held) }
            held = descriptor
        }
    }

    public func unlock() {
        lockDescriptor.withLock { held in
            if let held { Glibc.close(held) }
            held = nil
        }
    }

    private func full(_ name: String) -> String { "\(path)/\(name)" }

    /// The error for a system call's `code`.
    static func failure(_ verb: String, _ path: String, _ code: Int32) -> ThalwegError {
        if code == ENOSPC || code == EDQUOT {
            return ThalwegError(
                .diskFull, "no room on the disk to \(verb) \(path)",
                advice: "make room; writes go on by themselves")
        }
        return ThalwegError(
            .storageFailed, "cannot \(verb) \(path): \(String(cString: strerror(code)))",
            advice: "check the disk and the rights of the data directory")
    }

    static func syncFailure(_ path: String, _ code: Int32) -> ThalwegError {
        ThalwegError(
            .syncFailed, "the disk did not keep \(path): \(String(cString: strerror(code)))",
            advice: "check the disk before starting again; what was not acknowledged may be lost")
    }
}
