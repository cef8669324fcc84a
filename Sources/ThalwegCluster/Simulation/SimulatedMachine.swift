import ThalwegEngine
import ThalwegLog
import ThalwegModel
import ThalwegWire

/// The real catalog and the real partition as a node's state, with the shell that production has
/// around them reduced to what agreement touches: windows are sealed, appended, applied, answered,
/// and let go when the node leads no longer.
final class SimulatedMachine {
    let catalog = Catalog()
    let partition: Partition
    private(set) var appliedIndex: UInt64 = 0
    /// How often another node's snapshot took the place of the state.
    private(set) var loads = 0

    // MARK: While it leads

    private(set) var leads = false
    /// Counts leaderships: what was begun in an earlier one is void.
    private(set) var era = 0
    /// Entries that were cut and that the log did not take yet, in order.
    var refused: [[UInt8]] = []
    /// Topics with something in their open window or group.
    var unsealed: Set<TopicID> = []
    var marks = SimulatedMarks()
    var sources = SimulatedSources()
    var expirePart = 0
    /// The mark at which it has states compared, until it knows its own.
    var lookInFlight: (number: UInt64, topic: TopicID)?

    init() {
        var limits = Limits()
        // So that a run is long enough to forget some.
        limits.historyChunkBytes = 700
        partition = Partition(seed: 1, limits: limits)
        partition.programs = SimulatedPrograms()
        partition.hashUnits = Simulation.hashUnits
    }

    /// The topic of a name, if it is there. A snapshot that was taken while a topic was dropped names
    /// it, and has nothing of it: the log behind says so.
    func id(of topic: String) -> TopicID? {
        guard let id = try? catalog.topic(named: topic).id, partition.has(id) else { return nil }
        return id
    }

    /// Leads from here on: every source has its whole deadline again.
    func lead(time: Int64) {
        leads = true
        era += 1
        lookInFlight = nil
        sources.renew(catalog, time: time)
    }

    /// Leads no longer: gives the tokens of those who will never know here.
    func stepDown() -> [UInt64] {
        leads = false
        refused = []
        unsealed = []
        sources = SimulatedSources()
        lookInFlight = nil
        return partition.stepDown()
    }

    func merge(
        _ batch: SimulatedBatch, _ topic: TopicID, source: UInt16,
        session: UniqueID = UniqueID(high: 0, low: 0), time: Int64, token: UInt64?
    ) throws(ThalwegError) {
        let result = batch.bytes.withUnsafeBytes { bytes in
            Result { () throws(ThalwegError) in
                try partition.merge(
                    bytes, header: batch.header(topic), source: SourceID(source), session: session,
                    time: Timestamp(microseconds: time), token: token)
            }
        }
        _ = try result.get()
        unsealed.insert(topic)
    }

    // MARK: Every node

    /// What a committed entry did.
    struct Applied {
        var kind: EntryKind
        var topic = TopicID(0)
        var completions: [Completion] = []
        var mark: LogMark?
        var divergence: StateDivergence?
        var refusal: ThalwegError?
    }

    /// Applies a committed entry; `nil` of one that is not of the state.
    func apply(_ entry: LogEntry, time: Int64) throws(ThalwegError) -> Applied? {
        precondition(entry.index == appliedIndex + 1, "entries come in order, each once")
        appliedIndex = entry.index
        guard entry.kind == .command else { return nil }
        let result = entry.payload.withUnsafeBytes { bytes in
            Result { () throws(ThalwegError) in
                var reader = ByteReader(bytes)
                let kind = try EntryHeader(from: &reader).kind
                var done = Applied(kind: kind)
                try catalog.apply(bytes)
                if kind == .registerSource || kind == .retractSource {
                    try sources.note(kind, &reader, catalog, time: time)
                    return done
                }
                let applied = try partition.apply(bytes)
                done.completions = applied.completions
                done.topic = applied.topic
                done.mark = applied.mark
                done.divergence = applied.divergence
                done.refusal = applied.refusal
                return done
            }
        }
        return try result.get()
    }

    /// Numbers that two nodes share after the same entry, whatever way they got there: the
    /// catalog's, as topic 0, and each topic's.
    func digests() throws(ThalwegError) -> [TopicID: UInt64] {
        var mixer = StateMixer()
        catalog.snapshot().withUnsafeBytes { mixer.mix($0) }
        var digests = [TopicID(0): mixer.value]
        for topic in partition.topicIDs { digests[topic] = try partition.hash(topic).hash }
        return digests
    }

    // MARK: Reading

    /// A record as it lies in a table.
    struct Record: Equatable {
        var row: [UInt8]
        var version: UInt64
        var offset: UInt64
        var sources: [UInt16]

        init(_ reading: RecordReading) {
            row = Array(reading.row)
            version = reading.version.rawValue
            offset = reading.offset.rawValue
            sources = reading.sources
        }
    }

    /// The live record of a key.
    func read(_ topic: TopicID, _ key: UInt64) throws(ThalwegError) -> Record? {
        let result = key.littleEndianBytes.withUnsafeBytes { key in
            Result { () throws(ThalwegError) in
                try partition.get(topic, key: key) { reading -> Record? in
                    reading.flatMap { $0.isLive ? Record($0) : nil }
                }
            }
        }
        return try result.get()
    }

    /// All live records.
    func records(_ topic: TopicID) throws(ThalwegError) -> [UInt64: Record] {
        var records: [UInt64: Record] = [:]
        _ = try partition.changes(topic, after: .start) { reading in
            if reading.isLive { records[UInt64(firstOf: Array(reading.key))] = Record(reading) }
            return true
        }
        return records
    }

    func lastOffset(_ topic: TopicID) throws(ThalwegError) -> UInt64 {
        try partition.describe(topic).lastOffset.rawValue
    }

    // MARK: Snapshots

    /// Puts a snapshot in the place of what is there: the catalog's block, then the partition's,
    /// a length before each.
    func load(_ reader: SnapshotReader) throws(ThalwegError) {
        var bytes: [UInt8] = []
        while let piece = try reader.next() { bytes += piece }
        let catalog = catalog.emptyTwin()
        let partition = partition.emptyTwin()
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
        self.catalog.replace(with: catalog)
        self.partition.replace(with: partition)
        appliedIndex = reader.index
        loads += 1
    }
}

/// Marks that a leader puts into the log to know that it leads, one on its way at a time.
struct SimulatedMarks {
    typealias Done = (_ isConfirmed: Bool) -> Void

    private(set) var inFlight: (number: UInt64, waiting: [Done])?
    private var next: [Done] = []

    mutating func wait(_ done: @escaping Done) { next.append(done) }

    /// Whether a mark is to be sent now, for all who came since the one before.
    mutating func begin(_ number: UInt64) -> Bool {
        guard inFlight == nil, !next.isEmpty else { return false }
        inFlight = (number, next)
        next = []
        return true
    }

    mutating func reached(_ number: UInt64) -> [Done] {
        guard let inFlight, inFlight.number == number else { return [] }
        self.inFlight = nil
        return inFlight.waiting
    }

    mutating func removeAll() -> [Done] {
        defer { (inFlight, next) = (nil, []) }
        return (inFlight?.waiting ?? []) + next
    }
}
