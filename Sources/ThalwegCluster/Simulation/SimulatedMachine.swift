import ThalwegEngine
import ThalwegLog
import ThalwegModel
import ThalwegWire

/// The real catalog and the real partition as a node's state, with the shell that production has
/// around them reduced to what agreement touches: windows are sealed, appended, applied, answered,
/// and let go when the node leads no longer.
final class SimulatedMachine {
    static let topic = TopicID(1)
    static let windowMicroseconds: UInt32 = 5_000

    private(set) var catalog = Catalog()
    private(set) var partition = Partition(seed: 1)
    private(set) var appliedIndex: UInt64 = 0
    /// Entries that were cut and that the log did not take yet, in order.
    var refused: [[UInt8]] = []
    var leads = false
    var hasTopic: Bool { !catalog.allTopics.isEmpty }

    static func creation() throws(ThalwegError) -> [UInt8] {
        let definition = TopicDefinition(
            name: "values", keyKind: .u64, schema: nil,
            options: TopicOptions(
                writes: .coalesced(windowMicroseconds: windowMicroseconds),
                tombstoneRetentionMicroseconds: 2_000_000))
        let plan = try Catalog().planCreate(definition, time: Timestamp(microseconds: 1))
        guard case .entry(let entry) = plan else { preconditionFailure("a new topic is an entry") }
        return entry
    }

    // MARK: Leading

    /// Merges one write, to be answered with `token`. Without a value the key is retracted.
    func write(
        key: UInt64, value: UInt64?, source: UInt16, token: UInt64, time: Int64
    ) throws(ThalwegError) {
        var writer = ByteWriter()
        writer.integer((value == nil ? WriteOperation.retract : .assert).rawValue)
        writer.integer(key)
        if let value {
            writer.integer(UInt32(8 + key % 40))
            writer.integer(value)
            for _ in 0..<key % 40 { writer.integer(UInt8(7)) }
        }
        let header = WriteBatchHeader(
            topic: Self.topic, acknowledgement: .committed, isAtomic: false, count: 1)
        let result = writer.bytes.withUnsafeBytes { bytes in
            Result { () throws(ThalwegError) in
                try partition.merge(
                    bytes, header: header, source: SourceID(source),
                    time: Timestamp(microseconds: time), token: token)
            }
        }
        _ = try result.get()
    }

    /// The open window's entry and the answers that need none.
    func seal(time: Int64) -> Partition.Sealed? {
        partition.seal(Self.topic, time: Timestamp(microseconds: time))
    }

    var deadline: Int64? { partition.deadline(Self.topic)?.microseconds }

    /// Leads no longer: gives the tokens of those who will never know here.
    func stepDown() -> [UInt64] {
        leads = false
        refused = []
        return partition.stepDown()
    }

    // MARK: Every node

    /// Applies committed entries and gives the answers that are due.
    func apply(_ entries: [LogEntry]) throws(ThalwegError) -> [Completion] {
        var completions: [Completion] = []
        for entry in entries {
            precondition(entry.index == appliedIndex + 1, "entries come in order, each once")
            appliedIndex = entry.index
            guard entry.kind == .command else { continue }
            let result = entry.payload.withUnsafeBytes { bytes in
                Result { () throws(ThalwegError) in
                    completions += try partition.apply(bytes).completions
                    try catalog.apply(bytes)
                }
            }
            try result.get()
        }
        return completions
    }

    /// A number that two nodes share after the same entry, whatever way they got there.
    func digest() throws(ThalwegError) -> UInt64 {
        var digest: UInt64 = 0xcbf2_9ce4_8422_2325
        func take(_ number: UInt64) { digest = (digest ^ number) &* 0x100_0000_01b3 }
        for byte in catalog.snapshot() { take(UInt64(byte)) }
        for topic in partition.topicIDs { take(try partition.hash(topic).hash) }
        return digest
    }

    /// A key's value and the topic's newest offset.
    func read(_ key: UInt64) throws(ThalwegError) -> (value: UInt64?, offset: UInt64) {
        guard hasTopic else { return (nil, 0) }
        let encoded = withUnsafeBytes(of: key.littleEndian) { Array($0) }
        let result = encoded.withUnsafeBytes { key in
            Result { () throws(ThalwegError) in
                try partition.get(Self.topic, key: key) { reading -> UInt64? in
                    guard let reading, reading.isLive else { return nil }
                    return reading.row.loadUnaligned(as: UInt64.self).littleEndian
                }
            }
        }
        return (try result.get(), try partition.describe(Self.topic).lastOffset.rawValue)
    }

    // MARK: Snapshots

    /// The whole state, a length before each block, the catalog's first.
    func snapshot() -> [UInt8] {
        var writer = ByteWriter()
        writer.byteArray(catalog.snapshot())
        var snapshot = partition.beginSnapshot()
        while let block = partition.nextBlock(&snapshot, limit: 2_000) { writer.byteArray(block) }
        return writer.bytes
    }

    /// Puts a snapshot in the place of what is there.
    func load(_ reader: SnapshotReader) throws(ThalwegError) {
        var bytes: [UInt8] = []
        while let piece = try reader.next() { bytes += piece }
        catalog = Catalog()
        partition = Partition(seed: 1)
        appliedIndex = reader.index
        let result = bytes.withUnsafeBytes { bytes in
            Result { () throws(ThalwegError) in
                var blocks = ByteReader(bytes)
                try catalog.load(try blocks.bytes(Int(try blocks.integer(UInt32.self))))
                while blocks.remaining > 0 {
                    try partition.load(block: blocks.bytes(Int(try blocks.integer(UInt32.self))))
                }
            }
        }
        try result.get()
    }
}
