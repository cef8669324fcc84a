// One topic: the committed table, the windows on their way to it, and what answers wait.
//
//            merge                seal                 (durable)            applySealed
//   writes ────────► open window ──────► sealed windows ─────────► log ────────────────► table
//                       │                     │                                            ▲
//                       └── base of a row: the newest sealed entry of the record, else ────┘
//
// A leader merges, seals and applies its own windows; a follower and a recovery apply the same
// entries by key (`apply`). Both end in `Table`'s three operations, in the same order, so the same
// entries give the same versions, offsets and rows everywhere.
//
// Invariants
//   1. Windows are applied in the order they were sealed, each after its entry is durable.
//   2. `record.pending` is 0 or refers to the newest in-flight entry of the record.
//   3. A window without a net change needs no entry; it is done when those before it are, and holds
//      its records until then.
import ThalwegModel

struct TopicState: ~Copyable {
    let id: TopicID
    var definition: TopicDefinition {
        didSet { noteOptions() }
    }
    /// As the options say; asked for each change.
    private(set) var keepsHistory = false
    private(set) var isStream = false
    /// `nil` for a topic of kind `bytes`.
    var layout: RowLayout? {
        didSet { rowRules.layout = layout }
    }
    let rowRules = RowRules()
    var table: Table

    /// A ring: windows `applied + 1 ..< open` are sealed, `open` takes writes.
    private let windows: UnsafeMutablePointer<UnsafeMutablePointer<PendingWindow>>
    /// Windows that are done, to be opened again: the one done last first, whose memory is still
    /// in the processor's cache.
    private var idle: [UnsafeMutablePointer<PendingWindow>] = []
    private let allWindows: UnsafeMutablePointer<PendingWindow>
    private(set) var openNumber: UInt64 = 1
    private(set) var appliedNumber: UInt64 = 0
    var writer = EntryWriter()
    let decoded: UnsafeMutablePointer<DecodedWrite>
    /// Of the chunk of writes that is being merged.
    var writeExtras: [WriteExtra] = []
    var counters = TopicCounters()
    /// The time of the last entry cut or applied: times never go back.
    var lastTime: Int64 = 0
    /// The time of the last entry applied: the only clock that applying knows. A leader has cut
    /// later ones already, a follower has not.
    var appliedTime: Int64 = 0
    /// What the last applied window did, for the frames of subscribers at the tail.
    var tail = TailChanges()
    /// Entries that are applied and whose memory the next ones take: a steady load allocates none.
    private var spareEntries: [[UInt8]] = []
    /// Windows and entries whose memory is kept while nobody uses it: what a log that keeps up
    /// needs. What a slow one needed besides, when it was slow, is given back.
    private static let mostIdle = 3
    /// Bytes kept of entries at most: what unusually large windows took is given back.
    private static let mostSpareBytes = 32 << 20
    /// The open window when `rest` was called last.
    private var restedAt: UInt64 = 0
    private var hasRested = false
    /// Who goes through the topic as it was; asked for each change.
    var walks: TopicWalks?
    var snapshot: SnapshotWalk?
    /// The window of the newest truncation.
    var truncation: UInt64 = 0
    /// How many tables a truncation has replaced: a slot is of one of them.
    var tables: UInt32 = 0
    /// Open epochs by source.
    var epochs: [UInt16: Epoch] = [:]
    /// Changes one by one, where the topic keeps them.
    var history = History()
    /// Of a topic that keeps every write: what is on its way to the log, and who sent what.
    let queue = StreamQueue()
    var sessions = SessionTable()
    /// Who is writing while a batch is applied.
    var author = SourceID.none
    /// Its epoch, where the batch is part of one.
    var marking: Epoch?
    let rowScratch = RowScratch()
    let keyScratch = RowScratch()
    /// The rules that writes go through, and how many have.
    var program: DeployedProgram?
    /// For records with a time to live: see `expire`.
    var forgetsAssertions = false
    var assertionFloor: UInt32 = 0
    var wallAhead: Int64?
    var inputs: UInt64 = 0
    var staged = StagedWrites()

    /// Windows that may be in flight at once, the open one included.
    static let ring: UInt64 = 8

    init(id: TopicID, definition: TopicDefinition, seed: UInt64) throws(ThalwegError) {
        self.id = id
        self.definition = definition
        if let schema = definition.schema {
            layout = try RowLayout(schema)
            rowRules.layout = layout
        }
        table = Table(
            keyKind: definition.keyKind,
            tracksAssertion: definition.options.timeToLiveMicroseconds > 0, seed: seed)
        windows = .allocate(capacity: Int(TopicState.ring))
        allWindows = .allocate(capacity: Int(TopicState.ring))
        for number in 0..<Int(TopicState.ring) {
            allWindows.advanced(by: number)
                .initialize(to: PendingWindow(keySize: table.shape.fixedKeySize))
            windows.advanced(by: number).initialize(to: allWindows)
            if number > 0 { idle.append(allWindows + number) }
        }
        decoded = .allocate(capacity: DecodedWrite.chunk)
        allWindows[0].open(number: 1)
        noteOptions()
    }

    private mutating func noteOptions() {
        keepsHistory = definition.options.history != .none
        isStream = definition.options.writes == .every
    }

    deinit {
        allWindows.deinitialize(count: Int(TopicState.ring))
        allWindows.deallocate()
        windows.deallocate()
        decoded.deallocate()
    }

    // MARK: Windows

    /// The window's place in the ring. The number is open or in flight.
    @inline(__always) func window(_ number: UInt64) -> UnsafeMutablePointer<PendingWindow> {
        windows[Int(number % TopicState.ring)]
    }

    @inline(__always) var open: UnsafeMutablePointer<PendingWindow> { window(openNumber) }

    /// Sealed windows whose entries are not applied yet.
    var inFlight: Int { Int(openNumber - appliedNumber - 1) }

    /// Whether another window can be sealed: the ring has room.
    var canSeal: Bool { openNumber - appliedNumber < TopicState.ring }

    var isOpenEmpty: Bool { open.pointee.count == 0 && open.pointee.tickets.isEmpty }

    var bytes: Int {
        var bytes = table.bytes + history.bytes + sessions.bytes + queue.openBytes
        bytes += program?.running.figures.memoryBytes ?? 0
        bytes += spareEntryBytes + windowBytes
        if !epochs.isEmpty { bytes += epochBytes }
        return bytes
    }

    var spareEntryBytes: Int {
        spareEntries.reduce(writer.capacity) { $0 + $1.capacity }
    }

    var windowBytes: Int {
        (0..<Int(TopicState.ring)).reduce(0) { $0 + allWindows[$1].bytes }
    }

    mutating func openNext() {
        openNumber += 1
        guard let next = idle.popLast() else {
            preconditionFailure("as many windows as the ring has places")
        }
        windows[Int(openNumber % TopicState.ring)] = next
        open.pointee.open(number: openNumber)
    }

    mutating func finishWindow() {
        appliedNumber += 1
        idle.append(window(appliedNumber))
        // The last ones are those that are opened again next.
        for number in 0..<max(0, idle.count - TopicState.mostIdle) { idle[number].pointee.shrink() }
    }

    /// Called now and then: gives back what only the next writes would use, if no window was opened
    /// since the last call.
    mutating func rest() {
        guard restedAt == openNumber else {
            restedAt = openNumber
            hasRested = false
            return
        }
        guard !hasRested, isOpenEmpty, inFlight == 0 else { return }
        hasRested = true
        for number in 0..<Int(TopicState.ring) { allWindows[number].shrink() }
        spareEntries = []
        writer = EntryWriter()
    }

    // MARK: Entries

    /// A copy of what `writer` has, for the log to keep until it is durable.
    mutating func entryBytes() -> [UInt8] {
        var entry = spareEntries.popLast() ?? []
        entry.removeAll(keepingCapacity: true)
        entry.append(contentsOf: writer.written)
        return entry
    }

    /// Takes back an entry that is applied. If somebody else still has it, using it makes a copy.
    mutating func recycle(_ entry: [UInt8]) {
        guard spareEntries.count < TopicState.mostIdle,
            spareEntryBytes + entry.capacity <= TopicState.mostSpareBytes
        else { return }
        spareEntries.append(entry)
    }

    // MARK: The newest state of a record, committed or not

    @inline(__always) var newestState: NewestState {
        NewestState(
            windows: windows, openNumber: openNumber, appliedNumber: appliedNumber,
            truncation: truncation, slab: table.slab.base, shape: table.shape)
    }

    /// The in-flight entry that a reference names; `nil` where its window is applied.
    @inline(__always) func entry(_ reference: UInt32) -> UnsafeMutablePointer<PendingEntry>? {
        newestState.entry(reference)
    }

    /// Who asserts the record as committed.
    @inline(__always) func sources(_ record: Record) -> UInt64 {
        newestState.sources(record)
    }

    /// The newest state of the record in `slot`, in-flight windows included.
    @inline(__always) func newest(_ slot: UInt32) -> RecordView {
        newestState.view(slot)
    }

    @inline(__always) func row(
        _ entry: UnsafeMutablePointer<PendingEntry>
    ) -> UnsafeRawBufferPointer {
        newestState.row(entry)
    }

    /// The record moved to `slot`: its in-flight entries follow, and what epochs know of it.
    @inline(__always) mutating func follow(_ old: UInt32, to slot: UInt32) {
        if !epochs.isEmpty { moveMarks(old, to: slot) }
        var reference = table.record(slot).pending
        while let entry = entry(reference) {
            entry.pointee.slot = slot
            reference = entry.pointee.previous
        }
    }
}

extension UnsafeRawBufferPointer {
    static var empty: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: nil, count: 0) }
}

/// What a topic has done since the server started.
public struct TopicCounters: Sendable {
    public var writes: UInt64 = 0
    public var unchanged: UInt64 = 0
    public var invalid: UInt64 = 0
    public var entries: UInt64 = 0
    public var entryBytes: UInt64 = 0
    public var changes: UInt64 = 0
}
