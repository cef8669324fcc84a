// The system's topics: what the server is doing, as records like any others.
//
//   GET, SCAN, COUNT ──► older than a second? ──► gather ──► an epoch of the system's own source
//   a subscriber is there ──► once a second ─────────┘        (only the difference is logged)
//
// While nobody looks nothing is gathered and nothing is written. In a cluster the node that leads
// alone can write them. Two tell of that node, and are read there; `thalweg.nodes` tells of all and
// is read anywhere: a node that follows asks the leader to gather (`SystemTopics+Nodes.swift`).
//
// On the catalog's loop, but for what says otherwise.
import Logging
import NIOCore
import Synchronization
import ThalwegCluster
import ThalwegEngine
import ThalwegModel
import ThalwegWire

final class SystemTopics: @unchecked Sendable {
    /// The source that asserts them.
    private static let sourceName = "thalweg.system"
    /// They are as old as this at most when they are read, in microseconds.
    private static let age: Int64 = 1_000_000

    unowned let node: Node
    let logger: Logger
    // Read by any thread; 0 until the topic is there.
    private let connections = Atomic<UInt32>(0)
    private let topics = Atomic<UInt32>(0)
    private let nodes = Atomic<UInt32>(0)

    // On the catalog's loop only:
    private var source = SourceID.none
    private var layouts: [SystemTopic: RowLayout] = [:]
    private var refreshedAt: [SystemTopic: Int64] = [:]
    /// What answers of other nodes said of them, for as long as this node leads.
    var told: [NodeID: NodeTold] = [:]
    /// Who waits for a refresh that is under way.
    private var waiting: [SystemTopic: [@Sendable (ThalwegError?) -> Void]] = [:]

    init(node: Node, logger: Logger) {
        self.node = node
        self.logger = logger
    }

    // MARK: Start

    /// Begins to look once a second whether somebody watches.
    func start() {
        node.catalog.loop.assertInEventLoop()
        node.catalog.loop.scheduleRepeatedTask(
            initialDelay: .seconds(1), delay: .seconds(1)
        ) { [self] _ in refreshWatched() }
    }

    /// Looks which of them there are: another node may have made them.
    func learn() {
        node.catalog.loop.assertInEventLoop()
        for topic in SystemTopic.allCases {
            let made = try? node.catalog.catalog.topic(named: topic.rawValue)
            note(made?.id ?? TopicID(0), of: topic)
        }
    }

    /// Creates what is missing, on the node that leads. Calls back when that is done, or cannot be
    /// done now.
    func prepare(_ done: @escaping @Sendable () -> Void) {
        let catalog = node.catalog
        catalog.loop.assertInEventLoop()
        // Another node's rows are nobody's until they are refreshed.
        refreshedAt = [:]
        told = [:]
        catalog.claim(name: SystemTopics.sourceName, isShared: true, 0) { [self] result in
            switch result {
            case .success(let held):
                source = held.source
                create(SystemTopic.allCases[...], done)
            case .failure(let error):
                unprepared(error)
                done()
            }
        }
    }

    private func create(_ rest: ArraySlice<SystemTopic>, _ done: @escaping @Sendable () -> Void) {
        guard let topic = rest.first else { return done() }
        do throws(ThalwegError) {
            let definition = try topic.definition
            node.catalog.createTopic(definition, isSystem: true) { [self] result in
                do throws(ThalwegError) {
                    let made = try result.get()
                    layouts[topic] = try made.definition.schema.map { schema throws(ThalwegError) in
                        try RowLayout(schema)
                    }
                    note(made.id, of: topic)
                } catch {
                    unprepared(error)
                }
                create(rest.dropFirst(), done)
            }
        } catch {
            unprepared(error)
            create(rest.dropFirst(), done)
        }
    }

    /// The log takes nothing now, perhaps: the server does its work without these topics.
    private func unprepared(_ error: ThalwegError) {
        logger.warning("no system topics", metadata: ["reason": "\(error)"])
    }

    func id(_ topic: SystemTopic) -> TopicID {
        switch topic {
        case .connections: TopicID(connections.load(ordering: .relaxed))
        case .topics: TopicID(topics.load(ordering: .relaxed))
        case .nodes: TopicID(nodes.load(ordering: .relaxed))
        }
    }

    private func note(_ id: TopicID, of topic: SystemTopic) {
        switch topic {
        case .connections: connections.store(id.rawValue, ordering: .relaxed)
        case .topics: topics.store(id.rawValue, ordering: .relaxed)
        case .nodes: nodes.store(id.rawValue, ordering: .relaxed)
        }
    }

    // MARK: Looking

    /// Which of the system's topics this is. Callable from any thread.
    func named(_ topic: TopicID) -> SystemTopic? {
        switch topic.rawValue {
        case 0: nil
        case connections.load(ordering: .relaxed): .connections
        case topics.load(ordering: .relaxed): .topics
        case nodes.load(ordering: .relaxed): .nodes
        default: nil
        }
    }

    /// Calls back when the topic is no older than a second, or with `not_leader`; one of the cluster
    /// may be older where the leader cannot be asked. Callable from any thread.
    func freshen(_ topic: SystemTopic, _ done: @escaping @Sendable (ThalwegError?) -> Void) {
        node.catalog.loop.execute { [self] in refresh(topic, done) }
    }

    private func refreshWatched() {
        let leads = node.catalog.leadership.term != nil
        for topic in SystemTopic.allCases where leads || topic.isOfCluster {
            let id = self.id(topic)
            let partition = node.partition(id)
            partition.loop.execute { [self] in
                if partition.subscriptions.topics[id] != nil { freshen(topic) { _ in } }
            }
        }
    }

    private func refresh(
        _ topic: SystemTopic, _ done: @escaping @Sendable (ThalwegError?) -> Void
    ) {
        let refusal = node.catalog.leadership.refusal
        if let refusal, !topic.isOfCluster { return done(refusal) }
        if waiting[topic] != nil {
            waiting[topic]?.append(done)
            return
        }
        let now = CatalogLoop.uptime
        // A second's task may come a little early.
        if let last = refreshedAt[topic], now - last < SystemTopics.age - 100_000 {
            return done(nil)
        }
        refreshedAt[topic] = now
        waiting[topic] = [done]
        if refusal != nil { return askLeader(for: topic) }
        switch topic {
        case .connections: write(topic, connectionRows())
        case .topics: gatherTopics(node.loops[...], [])
        case .nodes: gatherNodes()
        }
    }

    func refreshed(_ topic: SystemTopic, _ error: ThalwegError?) {
        if let error {
            logger.debug(
                "a system topic is not refreshed",
                metadata: ["topic": "\(topic.rawValue)", "reason": "\(error)"])
        }
        for done in waiting.removeValue(forKey: topic) ?? [] {
            done(topic.isOfCluster ? nil : node.catalog.leadership.refusal)
        }
    }

    // MARK: Gathering

    struct Row: Sendable {
        let key: [UInt8]
        let values: [Value]
    }

    private func connectionRows() -> [Row] {
        node.connectionFacts.map { facts in
            let identity = facts.identity.withLock { $0 }
            return Row(
                key: withUnsafeBytes(of: facts.number.littleEndian) { Array($0) },
                values: [
                    SystemTopic.cut(identity.clientName), SystemTopic.cut(facts.address),
                    .unsigned(UInt64(identity.source.rawValue)),
                    SystemTopic.cut(node.catalog.catalog.source(identity.source)?.name ?? ""),
                    .signed(facts.since.microseconds),
                    .unsigned(facts.bytesIn.load(ordering: .relaxed)),
                    .unsigned(facts.subscriptions.load(ordering: .relaxed)),
                ])
        }
    }

    /// Asks one partition after the other.
    private func gatherTopics(_ rest: ArraySlice<PartitionLoop>, _ rows: [Row]) {
        guard let next = rest.first else { return write(.topics, rows) }
        next.loop.execute { [self] in
            let own = next.partition.topicIDs.compactMap { SystemTopics.row($0, next) }
            node.catalog.loop.execute { [self] in gatherTopics(rest.dropFirst(), rows + own) }
        }
    }

    private static func row(_ topic: TopicID, _ loop: PartitionLoop) -> Row? {
        // The system's own would change with every refresh.
        guard let reading = try? loop.partition.describe(topic),
            SystemTopic(rawValue: reading.definition.name) == nil
        else { return nil }
        let readers = loop.subscriptions.topics[topic]?.groups.values.reduce(0) { $0 + $1.members }
        let name = reading.definition.name
        return Row(
            key: [UInt8(name.utf8.count)] + Array(name.utf8),
            values: [
                .unsigned(UInt64(topic.rawValue)), .unsigned(UInt64(reading.liveRecords)),
                .unsigned(UInt64(reading.bytes)), .unsigned(reading.counters.writes),
                .unsigned(reading.lastOffset.rawValue), .unsigned(reading.horizon.rawValue),
                .unsigned(UInt64(readers ?? 0)),
            ])
    }

    // MARK: Writing

    func write(_ topic: SystemTopic, _ rows: [Row]) {
        let id = self.id(topic)
        guard let layout = layouts[topic] else {
            return refreshed(topic, ThalwegError(.unknownTopic, "there is no such topic yet"))
        }
        var batch = PackedBatchWriter()
        batch.begin(id, acknowledgement: .none)
        do throws(ThalwegError) {
            for row in rows {
                let bytes = try layout.encode(row.values)
                row.key.withUnsafeBytes { key in
                    bytes.withUnsafeBytes { batch.assert(key: key, row: $0) }
                }
            }
        } catch {
            return refreshed(topic, error)
        }
        let payload = Array(batch.finish(requestID: 0).dropFirst(FrameHeader.size))
        let partition = node.partition(id)
        let source = source
        let number = node.nextEpochNumber()
        partition.loop.execute { [self] in
            partition.writeSystem(payload, id, source: source, epoch: number) { [self] error in
                node.catalog.loop.execute { [self] in refreshed(topic, error) }
            }
        }
    }
}

extension PartitionLoop {
    /// Makes the batch all that the system's source asserts in the topic.
    fileprivate func writeSystem(
        _ payload: [UInt8], _ topic: TopicID, source: SourceID, epoch number: UInt64,
        _ done: @escaping @Sendable (ThalwegError?) -> Void
    ) {
        do throws(ThalwegError) {
            if let refusal { throw refusal }
            try partition.beginEpoch(topic, source: source, number: number)
            let result = payload.withUnsafeBytes { bytes in
                Result { () throws(ThalwegError) in
                    var reader = ByteReader(bytes)
                    let header = try WriteBatchHeader(from: &reader)
                    _ = try partition.merge(
                        try reader.bytes(reader.remaining), header: header, source: source,
                        time: .now, token: nil, isSystem: true)
                }
            }
            do throws(ThalwegError) {
                try result.get()
            } catch {
                partition.abandonEpoch(topic, source: source, number: number)
                throw error
            }
            startTimer(topic)
            endEpoch(topic, source: source, number: number, done)
        } catch {
            done(error)
        }
    }
}
