internal import Glibc
internal import Synchronization
internal import ThalwegModel

/// A file of `DiskStorage`: positioned reads and writes on a descriptor.
final class DiskFile: StorageFile {
    private let descriptor: Int32
    private let path: String
    private let isClosed = Atomic<Bool>(false)

    init(descriptor: Int32, path: String) {
        self.descriptor = descriptor
        self.path = path
    }

    deinit { close() }

    func read(
        into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64
    ) throws(ThalwegError) -> Int {
        while true {
            let count = pread(descriptor, buffer.baseAddress, buffer.count, off_t(offset))
            if count >= 0 { return count }
            if errno != EINTR { throw DiskStorage.failure("read", path, errno) }
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(ThalwegError) -> Int {
        while true {
            let count = pwrite(descriptor, bytes.baseAddress, bytes.count, off_t(offset))
            if count >= 0 { return count }
            if errno != EINTR { throw DiskStorage.failure("write", path, errno) }
        }
    }

    func preallocate(sizeBytes: UInt64) throws(ThalwegError) {
        while true {
            let code = posix_fallocate(descriptor, 0, off_t(sizeBytes))
            if code == 0 { return }
            if code != EINTR { throw DiskStorage.failure("allocate", path, code) }
        }
    }

    func synchronize() throws(ThalwegError) {
        // The size is metadata needed to read the data back, so fdatasync keeps it too. Never
        // tried again, not even after EINTR: the kernel reports an error once and forgets it.
        guard fdatasync(descriptor) == 0 else { throw DiskStorage.syncFailure(path, errno) }
    }

    func size() throws(ThalwegError) -> UInt64 {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            throw DiskStorage.failure("examine", path, errno)
        }
        return UInt64(status.st_size)
    }

    func truncate(to sizeBytes: UInt64) throws(ThalwegError) {
        guard ftruncate(descriptor, off_t(sizeBytes)) == 0 else {
            throw DiskStorage.failure("truncate", path, errno)
        }
    }

    func close() {
        guard !isClosed.exchange(true, ordering: .relaxed) else { return }
        Glibc.close(descriptor)
    }
}
