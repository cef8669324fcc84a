// A node: one log, a partition on each event loop, the catalog on the first.
//
// Committed entries come from the log's own thread, in order, and are handed to the loop of their
// topic's partition in whole batches; catalog entries go on from there to the first loop, so that
// whoever asked for a topic is answered when its partition has it.
import Logging
import NIOCore
import NIOPosix
import Synchronization
import ThalwegEngine
import ThalwegLog
import ThalwegModel
import ThalwegPrograms
import ThalwegWire

final class Node: @unchecked Sendable {
    let options: ServerOptions
    let log: LocalLog
    let loops: [PartitionLoop]
    let catalog: CatalogLoop
    let counters = ServerCounters()
    let serverID: UniqueID
    let programs: ProgramLibrary
    private let logger: Logger
    private(set) lazy var system = SystemTopics(node: self, logger: logger)
    /// Open client connections, to be told of, and to be closed at the end.
    private let channels = Mutex<[ObjectIdentifier: OpenChannel]>([:])
    private let epochNumbers = Atomic<UInt64>(0)
    /// Open connections by the session that they go on with.
    private let sessions = Mutex<[UniqueID: ClientConnection]>([:])
    private let snapshots = Mutex(SnapshotState())

    private struct OpenChannel {
        let channel: any Channel
        let facts: ConnectionFacts
    }

    private struct SnapshotState {
        var isRunning = false
        var bytesAtLast: UInt64 = 0
        /// What the partitions held when the last one began.
        var stateBytes: UInt64 = 0
    }

    /// Opens the data directory, brings the state back, and starts the log.
    ///
    /// - Throws: what ``LocalLog/open(directory:options:)`` throws, and `log_damaged`.
    init(
        options: ServerOptions, group: MultiThreadedEventLoopGroup, logger: Logger,
        failed: @escaping @Sendable (ThalwegError) -> Void
    ) throws(ThalwegError) {
        self.options = options
        self.logger = logger
        programs = ProgramLibrary(path: options.programEngine, limits: options.programLimits)
        let eventLoops = Array(group.makeIterator())
        let opened = try LocalLog.open(directory: options.dataDirectory, options: options.log)
        for warning in opened.warnings {
            logger.warning("recovery", metadata: ["warning": "\(warning)"])
        }
        let library = ShelfLibrary(
            try HistoryShelf(directory: options.dataDirectory), logger: logger)
        let recovery = try Recovery(
            opened, loops: eventLoops, options: options, library: library, programs: programs,
            logger: logger)
        log = opened.log
        loops = eventLoops.enumerated().map { number, loop in
            PartitionLoop(
                number: number, loop: loop, partition: recovery.partitions[number],
                log: opened.log, library: library, logger: logger,
                deliveryShare: options.deliverySharePercent)
        }
        try library.tidy()
        catalog = CatalogLoop(
            loop: eventLoops[0], catalog: recovery.catalog, partitions: loops, log: opened.log,
            logger: logger)
        serverID = UniqueID(high: .random(in: 1 ... .max), low: .random(in: 0 ... .max))
        for partition in loops {
            partition.loop.execute { partition.startExpiring() }
        }
        catalog.loop.execute { [catalog] in catalog.startLiveness() }
        log.start(committed: { [self] in committed($0) }, failed: failed)
    }

    /// The partition that owns a topic, while this process runs.
    func partition(_ topic: TopicID) -> PartitionLoop {
        loops[Int(topic.rawValue) % loops.count]
    }

    /// Makes the system's topics, before anybody can ask for them.
    func prepare() async {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            catalog.loop.execute { [self] in system.prepare { continuation.resume() } }
        }
    }

    // MARK: Committed entries

    private func committed(_ entries: [LogEntry]) {
        if loops.count == 1 {
            hand(entries, to: loops[0])
        } else {
            for partition in loops {
                let own = entries.filter { Int($0.tag) % loops.count == partition.number }
                if !own.isEmpty { hand(own, to: partition) }
            }
        }
        if let last = entries.last { snapshotIfDue(at: last.index) }
    }

    private func hand(_ entries: [LogEntry], to partition: PartitionLoop) {
        let catalogEntries = entries.filter { Node.isCatalog($0) }
        partition.loop.execute { [self] in
            partition.apply(entries.filter { Node.isPartition($0) })
            guard !catalogEntries.isEmpty else { return }
            catalog.loop.execute { [self] in
                for entry in catalogEntries {
                    catalog.apply(entry)
                }
            }
        }
    }

    private static func kind(_ entry: LogEntry) -> EntryKind? {
        entry.payload.count > 1 ? EntryKind(rawValue: entry.payload[1]) : nil
    }

    private static func isCatalog(_ entry: LogEntry) -> Bool {
        switch kind(entry) {
        case .window, .stream, .deployProgram, .removeProgram: false
        default: true
        }
    }

    private static func isPartition(_ entry: LogEntry) -> Bool {
        switch kind(entry) {
        case .registerSource, .retractSource: false
        default: true
        }
    }

    // MARK: Snapshots

    /// Takes a snapshot once the log behind the last one has outgrown both the configured size and
    /// the state itself, so that disk use stays within a few times the state.
    private func snapshotIfDue(at index: UInt64) {
        let written = log.statistics.payloadBytes
        let isDue = snapshots.withLock { state in
            guard !state.isRunning,
                written &- state.bytesAtLast
                    >= max(options.snapshotAfterBytes, state.stateBytes)
            else { return false }
            state.stateBytes = 0
            state.isRunning = true
            state.bytesAtLast = written
            return true
        }
        if isDue { beginSnapshot(at: index) }
    }

    /// On the log's thread, right behind the batch that ends with `index`: the loops get this
    /// message after that batch and before the next, so all fix the same place.
    private func beginSnapshot(at index: UInt64) {
        let writer: SnapshotWriter
        do throws(ThalwegError) {
            writer = try log.snapshotWriter(at: index)
        } catch {
            return endSnapshot(error)
        }
        for partition in loops {
            partition.loop.execute { [self] in
                partition.beginSnapshot()
                let bytes = UInt64(partition.partition.bytes)
                snapshots.withLock { $0.stateBytes += bytes }
            }
        }
        // The catalog hears of entries through the partitions' loops, so it is asked the same way.
        fixCatalog(behind: loops[...]) { [self] block in
            do throws(ThalwegError) {
                try writer.append(SnapshotBlocks.framed(block))
                writePartitions(loops[...], to: writer)
            } catch {
                writer.abandon()
                endSnapshot(error)
            }
        }
    }

    private func fixCatalog(
        behind rest: ArraySlice<PartitionLoop>, _ body: @escaping @Sendable ([UInt8]) -> Void
    ) {
        if let first = rest.first {
            first.loop.execute { [self] in fixCatalog(behind: rest.dropFirst(), body) }
            return
        }
        catalog.loop.execute { [self] in body(catalog.catalog.snapshot()) }
    }

    private func writePartitions(_ rest: ArraySlice<PartitionLoop>, to writer: SnapshotWriter) {
        guard let first = rest.first else {
            writer.finish { [self] error in endSnapshot(error) }
            return
        }
        first.loop.execute { [self] in
            first.writeSnapshot(to: writer) { [self] error in
                if let error {
                    writer.abandon()
                    endSnapshot(error)
                } else {
                    writePartitions(rest.dropFirst(), to: writer)
                }
            }
        }
    }

    private func endSnapshot(_ error: ThalwegError?) {
        if let error {
            logger.error("a snapshot failed", metadata: ["reason": "\(error)"])
        } else {
            logger.info("snapshot taken", metadata: ["index": "\(log.statistics.snapshotIndex)"])
            for partition in loops {
                partition.loop.execute { partition.removeForgottenHistory() }
            }
        }
        snapshots.withLock { $0.isRunning = false }
    }

    // MARK: Connections

    func opened(_ channel: any Channel, _ facts: ConnectionFacts) {
        channels.withLock {
            $0[ObjectIdentifier(channel)] = OpenChannel(channel: channel, facts: facts)
        }
    }

    /// What there is to tell of each open connection.
    var connectionFacts: [ConnectionFacts] { channels.withLock { $0.values.map(\.facts) } }

    /// A number that no epoch has had.
    func nextEpochNumber() -> UInt64 {
        epochNumbers.wrappingAdd(1, ordering: .relaxed).newValue
    }

    func closed(_ channel: any Channel) {
        channels.withLock { $0[ObjectIdentifier(channel)] = nil }
    }

    /// A connection goes on with a session. Gives the one that had it, which must be closed first.
    func takeOver(_ session: UniqueID, by connection: ClientConnection) -> ClientConnection? {
        guard session != UniqueID(high: 0, low: 0) else { return nil }
        return sessions.withLock { sessions in
            let older = sessions.updateValue(connection, forKey: session)
            return older === connection ? nil : older
        }
    }

    func forget(_ session: UniqueID, of connection: ClientConnection) {
        sessions.withLock { sessions in
            if sessions[session] === connection { sessions[session] = nil }
        }
    }

    /// Closes every client connection and returns when all are closed.
    func closeConnections() async {
        for channel in channels.withLock({ $0.values.map(\.channel) }) {
            // It may be closed already: that is all that is wanted.
            try? await channel.close()
        }
    }

    // MARK: The end

    /// Returns when everything that was merged is durable and applied, and answered.
    func drain() async {
        for partition in loops {
            await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                partition.loop.execute {
                    partition.subscriptions.ignoreBlocking()
                    let topics = partition.partition.topicIDs
                    let join = Join(count: topics.count + 1) { continuation.resume() }
                    for topic in topics {
                        partition.barrier(topic) { join.arrive() }
                    }
                    join.arrive()
                }
            }
        }
    }

    func stop() {
        log.stop()
    }
}
