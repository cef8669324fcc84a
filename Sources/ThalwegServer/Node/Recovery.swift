import Logging
import NIOCore
import ThalwegEngine
import ThalwegLog
import ThalwegModel

/// Brings a node's state back: the newest snapshot, then the entries behind it.
struct Recovery {
    let catalog: Catalog
    let partitions: [Partition]

    /// - Throws: `log_damaged`: what passed its checksum does not make a state.
    init(
        _ opened: OpenedNodeLog, loops: [any EventLoop], options: ServerOptions,
        library: any HistoryLibrary, snapshotsHoldHistories: Bool, programs: any TopicPrograms,
        logger: Logger
    ) throws(ThalwegError) {
        var limits = options.limits
        limits.entryBytes = options.log.maximumEntryBytes
        let catalog = Catalog(
            limits: limits, defaultWindowMicroseconds: options.windowMicroseconds)
        let seed = UInt64.random(in: .min ... .max)
        let memory = MemoryBudget()
        let partitions = loops.map { _ in Partition(seed: seed, limits: limits, memory: memory) }
        for partition in partitions {
            partition.programs = programs
            partition.historyLibrary = library
            partition.snapshotsHoldHistories = snapshotsHoldHistories
            // What nodes compared then is done with.
            partition.hashesAtMarks = false
        }
        self.catalog = catalog
        self.partitions = partitions
        let feed = RecoveryFeed(partitions: partitions, loops: loops)
        var entries = 0
        do throws(ThalwegError) {
            if let snapshot = opened.snapshot { try Recovery.load(snapshot, catalog, feed, loops) }
            while let entry = try opened.entries?.nextLent() {
                try Recovery.apply(entry, catalog, feed, loops.count)
                entries += 1
            }
        } catch {
            // Nothing may be left under way when the partitions go.
            try? feed.finish()
            throw error
        }
        try feed.finish()
        for partition in partitions { partition.hashesAtMarks = true }
        logger.info(
            "state recovered",
            metadata: [
                "snapshot": "\(opened.snapshot.map { String($0.index) } ?? "none")",
                "entries": "\(entries)", "topics": "\(catalog.allTopics.count)",
            ])
    }

    /// Loads a snapshot into a catalog and partitions that are empty.
    static func load(
        _ snapshot: SnapshotReader, _ catalog: Catalog, _ feed: RecoveryFeed,
        _ loops: [any EventLoop]
    ) throws(ThalwegError) {
        var isFirst = true
        try SnapshotBlocks.read(snapshot) { block throws(ThalwegError) in
            if isFirst {
                isFirst = false
                return try catalog.load(block)
            }
            let topic = try Partition.topic(ofBlock: block)
            try feed.send(block, to: Int(topic.rawValue) % loops.count) {
                (partition, block) throws(ThalwegError) in try partition.load(block: block)
            }
        }
    }

    private static func apply(
        _ entry: LogReader.LentEntry, _ catalog: Catalog, _ feed: RecoveryFeed, _ count: Int
    ) throws(ThalwegError) {
        var reader = ByteReader(entry.payload)
        switch try EntryHeader(from: &reader).kind {
        case .registerSource, .retractSource:
            try catalog.apply(entry.payload)
        case .window, .stream, .deployProgram, .removeProgram, .mark, .stateCheck:
            try send(entry, feed, count)
        case .createTopic, .alterTopic, .dropTopic, .truncateTopic:
            try send(entry, feed, count)
            try catalog.apply(entry.payload)
        }
    }

    private static func send(
        _ entry: LogReader.LentEntry, _ feed: RecoveryFeed, _ count: Int
    ) throws(ThalwegError) {
        try feed.send(entry.payload, to: Int(entry.tag) % count) {
            (partition, entry) throws(ThalwegError) in _ = try partition.apply(entry)
        }
    }
}
