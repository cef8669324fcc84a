import ThalwegCluster
import ThalwegLog
import ThalwegModel

/// The log as a node uses it, whether it is one disk or several nodes that agree.
protocol NodeLog: AnyObject, Sendable {
    /// Starts delivery. Call once. Everything is called on one thread at a time, in one order.
    func start(_ receiver: ReplicatedLogReceiver)

    /// As `CommitLog.append`; throws `not_leader` where the term is another by now.
    ///
    /// - Parameter term: the leadership that the entry is meant for; `nil` for any.
    func append(tag: UInt32, payload: [UInt8], term: UInt64?) throws(ThalwegError) -> UInt64

    /// A disk that was full may have room again.
    func retryAfterDiskFull()

    /// As `CommitLog` says. Call it from `committed`.
    func snapshotWriter(at index: UInt64) throws(ThalwegError) -> SnapshotWriter

    /// As `CommitLog` says.
    func stop()

    /// Everything up to here is durable and agreed.
    var durableIndex: UInt64 { get }
    var statistics: LogStatistics { get }
    /// How long the disk took to keep what was written.
    var syncTimes: SyncTimes { get }
}

extension LocalLog: NodeLog {
    func start(_ receiver: ReplicatedLogReceiver) {
        // Nobody else could lead, and no term begins or ends.
        receiver.leads(0)
        start(committed: receiver.committed, failed: receiver.failed)
    }

    func append(
        tag: UInt32, payload: [UInt8], term: UInt64?
    ) throws(ThalwegError) -> UInt64 {
        try append(tag: tag, payload: payload)
    }
}

extension ReplicatedLog: NodeLog {
    /// It looks by itself.
    func retryAfterDiskFull() {}
}

/// What opening a node's data directory gave: load the snapshot, apply the entries, start the log.
struct OpenedNodeLog {
    let log: any NodeLog
    let snapshot: SnapshotReader?
    /// What is known to be committed behind the snapshot. Of a cluster's log that is told later.
    let entries: LogReader?
    let warnings: [RecoveryWarning]

    /// Of a node that stands alone.
    init(_ opened: OpenedLog) {
        log = opened.log
        snapshot = opened.snapshot
        entries = opened.entries
        warnings = opened.warnings
    }

    /// Of a node of a cluster.
    init(_ opened: OpenedReplicatedLog) {
        log = opened.log
        snapshot = opened.snapshot
        entries = nil
        warnings = opened.warnings
    }

    /// - Throws: what `LocalLog.open` and `ReplicatedLog.open` throw.
    init(_ options: ServerOptions) throws(ThalwegError) {
        guard let cluster = options.cluster else {
            self.init(
                try LocalLog.open(directory: options.dataDirectory, options: options.log))
            return
        }
        var logOptions = ReplicatedLogOptions(
            cluster: cluster.cluster, newNode: cluster.newNode, founders: cluster.founders)
        logOptions.log = options.log
        logOptions.replica = cluster.replica
        logOptions.maximumUncommittedBytes = options.log.maximumQueuedBytes
        logOptions.stopMilliseconds = cluster.stopMilliseconds
        self.init(
            try ReplicatedLog.open(
                directory: options.dataDirectory, options: logOptions,
                transport: cluster.makeTransport))
    }
}
