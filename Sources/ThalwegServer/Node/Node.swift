// A node: one log, a partition on each event loop, the catalog on the first.
//
// Committed entries come from the log's own thread, in order, and are handed to the loop of their
// topic's partition in whole batches; catalog entries go on from there to the first loop, so that
// whoever asked for a topic is answered when its partition has it. In a cluster the same way tells
// every loop, in its turn among the entries, whether this node leads.
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
    let log: any NodeLog
    let loops: [PartitionLoop]
    let catalog: CatalogLoop
    let counters = ServerCounters()
    let serverID: UniqueID
    let programs: ProgramLibrary
    let logger: Logger
    /// What the log's thread said last. Any thread may look.
    let leadership = Mutex(Leadership.follows(nil))
    /// Why nobody is served any more.
    let unserved = Mutex<ThalwegError?>(nil)
    let handOvers = Mutex(HandOvers())
    let leaderships = LeadershipCounts()
    /// Told of what ends this node.
    let failed: @Sendable (ThalwegError) -> Void
    private(set) lazy var system = SystemTopics(node: self, logger: logger)
    /// Open client connections, to be told of, and to be closed at the end.
    private let connections = Mutex<[ObjectIdentifier: OpenConnection]>([:])
    private let epochNumbers = Atomic<UInt64>(0)
    /// Open connections by the session that they go on with.
    private let sessions = Mutex<[UniqueID: ClientConnection]>([:])
    let snapshots = Mutex(SnapshotState())

    private struct OpenConnection {
        let connection: ClientConnection
        let facts: ConnectionFacts
    }

    /// Opens the data directory, brings the state back, and starts the log.
    ///
    /// - Throws: what opening the log throws, and `log_damaged`.
    init(
        options: ServerOptions, group: MultiThreadedEventLoopGroup, logger: Logger,
        failed: @escaping @Sendable (ThalwegError) -> Void
    ) throws(ThalwegError) {
        self.options = options
        self.logger = logger
        self.failed = failed
        programs = ProgramLibrary(path: options.programEngine, limits: options.programLimits)
        let eventLoops = Array(group.makeIterator())
        let opened = try OpenedNodeLog(options)
        for warning in opened.warnings {
            logger.warning("recovery", metadata: ["warning": "\(warning)"])
        }
        // A snapshot must be all that another node needs, so in a cluster it holds the histories,
        // and their files only make room in memory.
        let isReplicated = options.cluster != nil
        let shelf = try HistoryShelf(directory: options.dataDirectory, isScratch: isReplicated)
        let library = ShelfLibrary(shelf, logger: logger)
        if isReplicated { try library.tidy() }
        let recovery = try Recovery(
            opened, loops: eventLoops, options: options, library: library,
            snapshotsHoldHistories: isReplicated, programs: programs, logger: logger)
        log = opened.log
        loops = eventLoops.enumerated().map { number, loop in
            PartitionLoop(
                number: number, loop: loop, partition: recovery.partitions[number],
                log: opened.log, library: library, logger: logger,
                deliveryShare: options.deliverySharePercent)
        }
        if !isReplicated { try library.tidy() }
        catalog = CatalogLoop(
            loop: eventLoops[0], catalog: recovery.catalog, partitions: loops, log: opened.log,
            logger: logger)
        serverID = UniqueID(high: .random(in: 1 ... .max), low: .random(in: 0 ... .max))
        for partition in loops {
            partition.loop.execute { [catalog] in
                partition.wasDropped = { [unowned catalog] in catalog.hasBeen($0) }
                partition.startChores()
            }
            guard let cluster = options.cluster else { continue }
            partition.loop.execute { [self] in
                partition.diverged = { [unowned self] in diverged($0) }
                partition.startChecking(every: .milliseconds(cluster.checkMilliseconds))
            }
        }
        catalog.loop.execute { [self] in startCatalog() }
        log.start(receiver(failed: failed))
    }

    private func startCatalog() {
        catalog.systemTopicsChanged = { [unowned self] in system.learn() }
        catalog.lost = { [unowned self] in closeWriters() }
        // A node alone does this before it listens.
        if options.cluster != nil { catalog.led = { [unowned self] in system.prepare {} } }
        catalog.startLiveness()
        system.learn()
        system.start()
    }

    /// The partition that owns a topic, while this process runs.
    func partition(_ topic: TopicID) -> PartitionLoop {
        loops[Int(topic.rawValue) % loops.count]
    }

    /// Makes the system's topics, before anybody can ask for them. In a cluster whoever leads does
    /// that, when it begins to.
    func prepare() async {
        guard options.cluster == nil else { return }
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            onCatalog(behind: loops[...]) { [self] in system.prepare { continuation.resume() } }
        }
    }

    /// Runs on the catalog's loop, behind all that the log's thread has handed out so far: the
    /// catalog hears of entries through the partitions' loops.
    func onCatalog(behind rest: ArraySlice<PartitionLoop>, _ body: @escaping @Sendable () -> Void) {
        guard let first = rest.first else { return catalog.loop.execute(body) }
        first.loop.execute { [self] in onCatalog(behind: rest.dropFirst(), body) }
    }

    // MARK: Committed entries

    func committed(_ entries: [LogEntry]) {
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
        case .window, .stream, .deployProgram, .removeProgram, .mark, .stateCheck: false
        default: true
        }
    }

    private static func isPartition(_ entry: LogEntry) -> Bool {
        switch kind(entry) {
        case .registerSource, .retractSource: false
        default: true
        }
    }

    // MARK: Connections

    func opened(_ connection: ClientConnection, _ facts: ConnectionFacts) {
        connections.withLock {
            $0[ObjectIdentifier(connection)] = OpenConnection(
                connection: connection, facts: facts)
        }
    }

    /// What there is to tell of each open connection.
    var connectionFacts: [ConnectionFacts] { connections.withLock { $0.values.map(\.facts) } }

    /// A number that no epoch has had.
    func nextEpochNumber() -> UInt64 {
        epochNumbers.wrappingAdd(1, ordering: .relaxed).newValue
    }

    func closed(_ connection: ClientConnection) {
        connections.withLock { $0[ObjectIdentifier(connection)] = nil }
    }

    private var openConnections: [ClientConnection] {
        connections.withLock { $0.values.map(\.connection) }
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

    /// This node leads no longer: connections that hold a source end.
    private func closeWriters() {
        let error = refusal ?? Leadership.refusal(nil)
        for connection in openConnections { connection.loseSource(error) }
    }

    /// Ends every client connection: what it was served from is not there any more.
    ///
    /// - Parameter error: why, for the client; `nil` to end without a word.
    func dropConnections(telling error: ThalwegError? = nil) {
        for connection in openConnections {
            if let error {
                connection.settled { $0.fail(error) }
            } else {
                connection.close()
            }
        }
    }

    /// Closes every client connection and returns when all are closed.
    func closeConnections() async {
        for connection in openConnections {
            connection.closeAtLast()
            await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                connection.outlet.whenClosed { continuation.resume() }
            }
        }
    }

    // MARK: The end

    /// Returns when everything that was merged is durable and applied, and answered, or this node
    /// leads no longer.
    func drain() async {
        for partition in loops {
            await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
                partition.loop.execute {
                    partition.subscriptions.ignoreBlocking()
                    let topics = partition.partition.topicIDs
                    let join = Join(count: topics.count + 1) { continuation.resume() }
                    for topic in topics {
                        partition.barrier(topic) { _ in join.arrive() }
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
