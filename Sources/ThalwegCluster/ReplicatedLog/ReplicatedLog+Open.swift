public import ThalwegLog
public import ThalwegModel

/// What opening a replicated log gave: load `snapshot` if there is one, then start the log. What
/// was committed behind it comes through `committed`, as soon as a leader says that it is.
public struct OpenedReplicatedLog {
    public let log: ReplicatedLog
    public let snapshot: SnapshotReader?
    public let warnings: [RecoveryWarning]
}

extension ReplicatedLog {
    /// Opens a node's data directory. Errors as `LocalLog.open`, and `invalid_configuration` where
    /// the directory belongs to another cluster.
    public static func open(
        directory: String, options: ReplicatedLogOptions,
        transport: (NodeID) throws(ThalwegError) -> any PeerTransport
    ) throws(ThalwegError) -> OpenedReplicatedLog {
        try open(
            storage: DiskStorage(path: directory), options: options, transport: transport)
    }

    /// As above, over any storage, for a node whose transport is there already.
    public static func open(
        storage: any Storage, options: ReplicatedLogOptions, transport: any PeerTransport
    ) throws(ThalwegError) -> OpenedReplicatedLog {
        try open(storage: storage, options: options) { (_) throws(ThalwegError) in transport }
    }

    /// As above.
    ///
    /// - Parameter transport: makes the transport of the node whose directory this is.
    public static func open(
        storage: any Storage, options: ReplicatedLogOptions,
        transport: (NodeID) throws(ThalwegError) -> any PeerTransport
    ) throws(ThalwegError) -> OpenedReplicatedLog {
        let opened = try ReplicaLog.open(
            storage: storage, options: options.log, newNode: options.newNode.rawValue)
        do throws(ThalwegError) {
            var state = opened.state
            guard state.cluster == 0 || state.cluster == options.cluster else {
                throw ThalwegError(
                    .invalidConfiguration,
                    "this data directory belongs to cluster \(state.cluster)",
                    advice: "give the node a directory of its own", value: state.cluster)
            }
            if state.cluster == 0 {
                state.cluster = options.cluster
                try opened.log.save(state)
            }
            let replica = try Replica(
                opened, founders: options.founders, options: options.replica,
                time: MonotonicTime.milliseconds)
            let log = ReplicatedLog(
                options: options, log: opened.log, replica: replica,
                transport: try transport(replica.id), clock: { MonotonicTime.milliseconds })
            return OpenedReplicatedLog(
                log: log, snapshot: opened.snapshot, warnings: opened.warnings)
        } catch {
            opened.log.closeAbruptly()
            throw error
        }
    }
}
