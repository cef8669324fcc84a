import Logging
import ThalwegEngine
import ThalwegLog
import ThalwegModel

/// Brings a node's state back: the newest snapshot, then the entries behind it.
struct Recovery {
    let catalog: Catalog
    let partitions: [Partition]

    /// - Throws: `log_damaged`: what passed its checksum does not make a state.
    init(
        _ opened: OpenedLog, partitions count: Int, options: ServerOptions, logger: Logger
    ) throws(ThalwegError) {
        let limits = options.limits
        let catalog = Catalog(
            limits: limits, defaultWindowMicroseconds: options.windowMicroseconds)
        let seed = UInt64.random(in: .min ... .max)
        let partitions = (0..<count).map { _ in Partition(seed: seed, limits: limits) }
        self.catalog = catalog
        self.partitions = partitions
        if let snapshot = opened.snapshot {
            var isFirst = true
            try SnapshotBlocks.read(snapshot) { block throws(ThalwegError) in
                if isFirst {
                    isFirst = false
                    return try catalog.load(block)
                }
                let topic = try Partition.topic(ofBlock: block)
                try partitions[Int(topic.rawValue) % count].load(block: block)
            }
        }
        var entries = 0
        while let entry = try opened.entries.next() {
            let result = entry.payload.withUnsafeBytes { bytes in
                Result { () throws(ThalwegError) in
                    try Recovery.apply(bytes, entry.tag, catalog, partitions)
                }
            }
            try result.get()
            entries += 1
        }
        logger.info(
            "state recovered",
            metadata: [
                "snapshot": "\(opened.snapshot.map { String($0.index) } ?? "none")",
                "entries": "\(entries)", "topics": "\(catalog.allTopics.count)",
            ])
    }

    private static func apply(
        _ entry: UnsafeRawBufferPointer, _ tag: UInt32, _ catalog: Catalog,
        _ partitions: [Partition]
    ) throws(ThalwegError) {
        var reader = ByteReader(entry)
        switch try EntryHeader(from: &reader).kind {
        case .registerSource, .retractSource:
            try catalog.apply(entry)
        case .window, .stream, .deployProgram, .removeProgram:
            _ = try partitions[Int(tag) % partitions.count].apply(entry)
        case .createTopic, .alterTopic, .dropTopic, .truncateTopic:
            _ = try partitions[Int(tag) % partitions.count].apply(entry)
            try catalog.apply(entry)
        }
    }
}
