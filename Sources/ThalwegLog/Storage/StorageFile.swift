public import ThalwegModel

/// An open file. One thread at a time uses it; it is closed by `close()` or by its last reference.
public protocol StorageFile: AnyObject, Sendable {
    /// Reads up to `buffer.count` bytes and returns how many; 0 at the end.
    func read(
        into buffer: UnsafeMutableRawBufferPointer, at offset: UInt64
    ) throws(ThalwegError) -> Int
    /// Writes some of `bytes`, at least one, and returns how many.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(ThalwegError) -> Int
    /// Makes the file at least `sizeBytes` long, with room for all of it, zeros where it was not.
    func preallocate(sizeBytes: UInt64) throws(ThalwegError)
    /// Returns when content and size are durable. After an error what was written since the last
    /// success may be lost although a later call succeeds: do not call again.
    func synchronize() throws(ThalwegError)
    func size() throws(ThalwegError) -> UInt64
    func truncate(to sizeBytes: UInt64) throws(ThalwegError)
    func close()
}

extension StorageFile {
    /// Reads until `count` bytes are there or the file ends; returns how many.
    func readFully(
        into buffer: RawBuffer, at offset: UInt64, count: Int, bufferOffset: Int = 0
    ) throws(ThalwegError) -> Int {
        var done = 0
        while done < count {
            let piece = buffer.mutableBytes(bufferOffset + done..<bufferOffset + count)
            let read = try read(into: piece, at: offset + UInt64(done))
            if read == 0 { break }
            done += read
        }
        return done
    }

    /// Writes everything, continuing short writes.
    package func writeFully(_ bytes: UnsafeRawBufferPointer, at offset: UInt64) throws(ThalwegError)
    {
        var done = 0
        while done < bytes.count {
            let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
            let written = try write(rest, at: offset + UInt64(done))
            guard written > 0 else {
                throw ThalwegError(.storageFailed, "a write of \(rest.count) bytes wrote none")
            }
            done += written
        }
    }
}
