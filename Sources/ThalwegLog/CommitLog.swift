public import ThalwegModel

/// The one log of a node: entries of every partition go in, durable batches come out in order.
///
/// Nothing above knows whether it is one disk (`LocalLog`) or several nodes that agree.
public protocol CommitLog: AnyObject, Sendable {
    /// Starts delivery. Call once.
    ///
    /// `committed` is called on the log's own thread, in index order, with each durable batch.
    /// `failed` is called on that thread at most once, when the log can go on no more; nothing is
    /// delivered after it. Neither may block, nor call `stop()`.
    func start(
        committed: @escaping @Sendable ([LogEntry]) -> Void,
        failed: @escaping @Sendable (ThalwegError) -> Void)

    /// Queues an entry and returns its index. Any thread; the order of indices is the order of
    /// calls. That an index was given says nothing about durability: only `committed` does.
    ///
    /// Throws `diskFull`, `tooManyRequests` (the queue is bounded), `recordTooLarge`, `stopped`, or
    /// the error that `failed` reported.
    func append(tag: UInt32, payload: [UInt8]) throws(ThalwegError) -> UInt64

    /// A writer for a snapshot of the state after applying entry `index`. One at a time.
    ///
    /// Throws `notYet` for an index that is not durable, `invalidOptions` for one that is not newer
    /// than the newest snapshot, `tooManyRequests` while another snapshot is being written.
    func snapshotWriter(at index: UInt64) throws(ThalwegError) -> SnapshotWriter

    /// Drains what is queued, makes it durable, ends the log's threads and gives the files back.
    /// Blocks. A snapshot that was not finished is abandoned. Further calls do nothing.
    func stop()

    /// The index given last, 0 before the first.
    var lastIndex: UInt64 { get }
    /// Everything up to here is durable.
    var durableIndex: UInt64 { get }
    /// Numbers for metrics.
    var statistics: LogStatistics { get }
}
