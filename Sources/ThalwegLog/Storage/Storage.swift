public import ThalwegModel

/// How a file is opened.
public enum StorageAccess: Sendable {
    case read
    case readWrite
    /// Made new, or emptied; for reading and writing.
    case create
}

/// One flat directory of files: the only way the log meets a disk. `DiskStorage` is the real one,
/// `FaultyStorage` the twin that loses, tears and fails on demand.
///
/// Errors: `diskFull` where there is no room, `syncFailed` where the disk could not keep what was
/// written, `storageFailed` for the rest. Any thread may call.
public protocol Storage: AnyObject, Sendable {
    /// Names of all files, in no order.
    func list() throws(ThalwegError) -> [String]
    func open(_ name: String, _ access: StorageAccess) throws(ThalwegError) -> any StorageFile
    /// Replaces `to` if it exists. Durable after `synchronizeDirectory`.
    func rename(_ from: String, to: String) throws(ThalwegError)
    /// Durable after `synchronizeDirectory`. No error if there is no such file.
    func remove(_ name: String) throws(ThalwegError)
    /// Makes creations, renames and removals durable.
    func synchronizeDirectory() throws(ThalwegError)
    /// Takes the directory for this process; throws `dataDirectoryInUse` if somebody has it.
    func lock() throws(ThalwegError)
    func unlock()
}
