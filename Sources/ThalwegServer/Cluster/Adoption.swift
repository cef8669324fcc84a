import Logging
import NIOCore
import NIOPosix
import ThalwegCluster
import ThalwegEngine
import ThalwegLog
import ThalwegModel
import ThalwegPrograms

/// How the data of a node that stood alone becomes the data of a cluster's first node: everything
/// is loaded, and written out as the cluster's first snapshot.
///
///     cluster.json says adopting ──► snapshot with the members ──► state files ──► member
///
/// Until the state files are there, the directory is that of a node alone, and the next start
/// begins anew; from then on it is the cluster's. What was told to clients stays true: entries go
/// on behind the last one, and topics, offsets, versions, sources, sessions, programs and histories
/// are in the snapshot.
struct Adoption {
    /// The term of the snapshot: the first that the cluster has.
    private static let term: UInt64 = 1

    private let options: ServerOptions
    private let logger: Logger

    /// Does what is left to do for a directory that is being adopted, and gives what it is then.
    ///
    /// Throws as `LocalLog.open`, `log_damaged`, `disk_full`, `sync_failed`, `storage_failed`.
    static func finish(
        _ file: ClusterFile, _ options: ServerOptions, _ logger: Logger
    ) async throws(ThalwegError) -> ClusterFile {
        var options = options
        options.cluster = nil
        var file = file
        let storage = try DiskStorage(path: options.dataDirectory)
        if try !ReplicaLog.isThere(storage) {
            let group = MultiThreadedEventLoopGroup(
                numberOfThreads: options.loops > 0 ? options.loops : System.coreCount)
            let adoption = Adoption(options: options, logger: logger)
            let result = Result { () throws(ThalwegError) in try adoption.adopt(file, group) }
            do {
                try await group.shutdownGracefully()
            } catch {
                throw ThalwegError(.storageFailed, "threads that loaded did not end: \(error)")
            }
            try result.get()
        }
        // A node that never had an entry has nothing to take along.
        file.state = try ReplicaLog.isThere(storage) ? .member : .founding
        try file.save(to: options.dataDirectory)
        return file
    }

    private func adopt(
        _ file: ClusterFile, _ group: MultiThreadedEventLoopGroup
    ) throws(ThalwegError) {
        let opened = try LocalLog.open(directory: options.dataDirectory, options: options.log)
        let log = opened.log
        defer { log.stop() }
        for warning in opened.warnings {
            logger.warning("recovery", metadata: ["warning": "\(warning)"])
        }
        let last = log.lastIndex
        guard last > 0 else { return }
        logger.notice(
            "the data of a node alone becomes a cluster's",
            metadata: ["index": "\(last)", "node": "\(file.node)"])
        let loops = Array(group.makeIterator())
        let recovery = try Recovery(
            OpenedNodeLog(opened), loops: loops, options: options,
            library: ShelfLibrary(
                try HistoryShelf(directory: options.dataDirectory), logger: logger),
            snapshotsHoldHistories: true,
            programs: ProgramLibrary(path: options.programEngine, limits: options.programLimits),
            logger: logger)
        let place = SnapshotPlace(
            term: Self.term, membershipIndex: last,
            membership: Membership([file.member]).encoded())
        try log.becomeReplica(
            node: file.node.rawValue, cluster: file.cluster, place: place
        ) { (append) throws(ThalwegError) in
            try append(SnapshotBlocks.framed(recovery.catalog.snapshot()))
            for (partition, loop) in zip(recovery.partitions, loops) {
                try Self.write(partition, of: loop, append)
            }
        }
        logger.notice("the cluster's first snapshot is durable", metadata: ["index": "\(last)"])
    }

    /// The partition is its loop's; the blocks are taken over here, one at a time.
    private static func write(
        _ partition: Partition, of loop: any EventLoop,
        _ append: ([UInt8]) throws(ThalwegError) -> Void
    ) throws(ThalwegError) {
        let pump = LoopConfined(
            SnapshotPump(partition: partition, snapshot: partition.beginSnapshot()), on: loop)
        while let block = try wait(loop.submit({ try pump.value.nextBlock() })) {
            try append(block)
        }
    }

    private static func wait<Value: Sendable>(
        _ future: EventLoopFuture<Value>
    ) throws(ThalwegError) -> Value {
        do {
            return try future.wait()
        } catch let error as ThalwegError {
            throw error
        } catch {
            preconditionFailure("a snapshot throws nothing else: \(error)")
        }
    }
}
