package import ThalwegModel

extension ReplicaLog {
    /// Whether a directory has the log of a cluster's node.
    package static func isThere(_ storage: any Storage) throws(ThalwegError) -> Bool {
        try ReplicaStateFiles.exist(in: storage)
    }
}

extension LocalLog {
    /// Makes this log, which was opened and not started, that of a cluster's first node: its state
    /// is a snapshot from then on, and the log goes on behind it.
    ///
    ///     the snapshot is durable ──► the state files are: they announce its installation
    ///                                  ──► opening the node's log puts it in the place of this one
    ///
    /// A crash before the second step leaves a log of a node alone that has lost nothing, and this
    /// may be done again; one behind it leaves a node's log that opening finishes.
    ///
    /// - Parameters:
    ///   - place: the members, which is to say the node, as of the last entry.
    ///   - write: gives the state behind the last entry, piece by piece.
    /// - Throws: what `write` throws, `disk_full`, `sync_failed`, `storage_failed`.
    package func becomeReplica(
        node: UInt64, cluster: UInt64, place: SnapshotPlace,
        _ write: (
            _ append: ([UInt8]) throws(ThalwegError) -> Void
        ) throws(ThalwegError) -> Void
    ) throws(ThalwegError) {
        let index = lastIndex
        precondition(index > 0, "a log without entries is a new node's as it is")
        let file = try SnapshotFile(
            storage: storage, logID: logID, index: index, place: place,
            syncBytes: options.snapshotSyncBytes)
        do throws(ThalwegError) {
            try write { (piece) throws(ThalwegError) in try file.append(piece) }
            try file.complete()
        } catch {
            // Gives the room back; after a failed sync nothing is touched any more.
            if error.code != .syncFailed { try file.discard() }
            throw error
        }
        try file.publish()
        var state = ReplicaState(node: node)
        state.cluster = cluster
        state.term = place.term
        state.install = index
        let files = try ReplicaStateFiles(storage)
        defer { files.close() }
        try files.save(state)
    }
}
