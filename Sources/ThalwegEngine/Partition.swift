// A partition owns some of the topics and everything in them. It is a pure state machine: bytes
// and a time go in, memory changes, bytes and answers come out. It reads no clock, opens no file,
// starts no task and takes no lock; one event loop owns it and nobody else touches it.
//
// The life of a write on a leader:
//   1. `merge`    the batch's writes meet the pending rows of their topic's open window
//   2. `seal`     the window's net changes become one entry; the caller appends it to the log
//   3. `apply`    the durable entry changes the table and gives offsets; tickets are answered
// A follower and a recovery only know step 3.
public import ThalwegModel
public import ThalwegWire

public final class Partition {
    // What every batch of writes comes by is not checked at run time for two accesses at once, here
    // and in what it leads to: one loop calls, and nothing that is called comes back. The checks were
    // a seventh of what a message to a topic that keeps every write cost its loop.
    @exclusivity(unchecked) var topics: [UInt32: TopicBox] = [:] {
        didSet { recent = nil }
    }
    /// The topic that was asked for last: mostly the next call is about it too.
    @exclusivity(unchecked) private var recent: TopicBox?
    let seed: UInt64
    public let limits: Limits
    var feedScratch = FeedScratch()
    /// Who has the stored parts of histories; without, histories are in memory.
    public var historyLibrary: (any HistoryLibrary)?
    /// Snapshots hold histories whole, so that they are all that another node needs. Else they name
    /// what is stored.
    public var snapshotsHoldHistories = false
    var forgottenHistory: [HistoryName] = []
    /// Open epochs on all topics, by source.
    var sourceEpochs: [UInt16: UInt64] = [:]
    /// Who makes programs; without, topics have none.
    public var programs: (any TopicPrograms)?
    /// Marks in the log have states hashed. A recovery leaves it to the next one.
    public var hashesAtMarks = true
    /// About how much of a topic is hashed in one go: a chunk of the slab or 256 bytes are a
    /// unit.
    public var hashUnits = 4_096

    let memory: MemoryBudget
    /// What it said last that it takes.
    private var reportedBytes = 0

    /// - Parameters:
    ///   - seed: of the hash of keys; the server's secret, and need not be the same on every node.
    ///   - memory: of all partitions that share the limit of memory.
    public init(seed: UInt64, limits: Limits = Limits(), memory: MemoryBudget = MemoryBudget()) {
        self.seed = seed
        self.limits = limits
        self.memory = memory
    }

    deinit {
        memory.change(by: -reportedBytes)
    }

    public func has(_ topic: TopicID) -> Bool { topics[topic.rawValue] != nil }

    public var topicIDs: [TopicID] { topics.keys.sorted().map { TopicID($0) } }

    func box(_ topic: TopicID) -> TopicBox? {
        if let recent, recent.id == topic { return recent }
        guard let box = topics[topic.rawValue] else { return nil }
        recent = box
        return box
    }

    func required(_ topic: TopicID) throws(ThalwegError) -> TopicBox {
        guard let box = box(topic) else {
            throw ThalwegError(
                .unknownTopic, "there is no topic \(topic)",
                advice: "describe the topic by name again: it may have been dropped")
        }
        return box
    }

    /// Bytes of all topics' records, indexes and pending windows.
    public var bytes: Int {
        topics.values.reduce(0) { $0 + $1.state.bytes }
    }

    /// Tells how much the partition takes now; gives what all take.
    @discardableResult func reportMemory() -> Int {
        let bytes = self.bytes
        memory.change(by: bytes - reportedBytes)
        reportedBytes = bytes
        return memory.bytes
    }

    // MARK: Writing

    /// Merges a batch into its topic's open window.
    ///
    /// - Parameters:
    ///   - writes: the batch behind its header; lent for the call.
    ///   - session: whose batch it is; all zero for none.
    ///   - token: whom to answer when the window is durable; `nil` for nobody.
    ///   - isSystem: the server itself writes, and may write to its own topics.
    /// - Throws: `unknown_topic`, `not_allowed`, `source_required`, `memory_limit`,
    ///   `invalid_batch`, `unknown_session`, `too_many_requests`; then nothing was merged.
    public func merge(
        _ writes: UnsafeRawBufferPointer, header: WriteBatchHeader, source: SourceID,
        session: UniqueID = UniqueID(high: 0, low: 0), time: Timestamp, token: UInt64?,
        isSystem: Bool = false
    ) throws(ThalwegError) -> MergeOutcome {
        let box = try required(header.topic)
        guard isSystem || !box.isSystem else {
            throw ThalwegError(
                .notAllowed, "topic '\(box.state.definition.name)' is written by the server only",
                advice: "names that begin with 'thalweg.' are reserved")
        }
        guard source != .none else {
            throw ThalwegError(
                .sourceRequired, "a connection without a source cannot write",
                advice: "claim a source in HELLO")
        }
        guard header.count <= limits.writesPerBatch else {
            throw .exceeded(
                .invalidBatch, "the number of writes in a batch", value: Int(header.count),
                limit: limits.writesPerBatch, advice: "send smaller batches")
        }
        if box.checkMemoryIn <= 0 { try checkMemory(box) }
        box.checkMemoryIn -= writes.count
        try checkRoom(box, writes.count)
        if !sourceEpochs.isEmpty { joinEpoch(box, source.rawValue) }
        if box.state.isStream {
            return try box.state.enqueue(
                writes, header: header, source: source, session: session, token: token)
        }
        guard header.numbering == nil else {
            throw ThalwegError(
                .notSupported, "a topic with a window does not count a session's writes",
                advice: "send without numbers: merging the same write again changes nothing, or "
                    + "create the topic with every write kept")
        }
        guard Int(header.count) <= PendingWindow.limit - box.state.open.pointee.count else {
            throw .exceeded(
                .memoryLimit, "the number of records in the topic's open window",
                value: box.state.open.pointee.count + Int(header.count),
                limit: PendingWindow.limit, advice: "wait until the log has caught up")
        }
        var ticket = token.map { Ticket(token: $0) }
        let outcome: MergeOutcome
        if header.acknowledgement == .committedEach {
            var each: [MergedWrite] = []
            outcome = box.state.merge(
                writes, count: Int(header.count), source: source.rawValue,
                time: time.microseconds, isAtomic: header.isAtomic, each: &each)
            ticket?.each = each
        } else {
            outcome = box.state.merge(
                writes, count: Int(header.count), source: source.rawValue,
                time: time.microseconds, isAtomic: header.isAtomic, each: nil)
        }
        if var ticket {
            ticket.accepted = outcome.accepted
            ticket.unchanged = outcome.unchanged
            ticket.invalid = outcome.invalid
            box.state.open.pointee.tickets.append(ticket)
        }
        return outcome
    }

    /// Looks at the memory that all topics take once in every 4 MiB of writes: summing it is not free.
    private func checkMemory(_ box: TopicBox) throws(ThalwegError) {
        let bytes = reportMemory()
        guard bytes <= limits.memoryBytes else {
            throw .exceeded(
                .memoryLimit, "the memory of all records in bytes", value: bytes,
                limit: limits.memoryBytes,
                advice: "retract records, set a time to live, or raise the limit")
        }
        box.checkMemoryIn = 4 << 20
    }

    /// What is gathered must fit into an entry. It is cut long before (`isGroupFull`), unless the log
    /// is slow or a reader holds it up.
    private func checkRoom(_ box: TopicBox, _ bytes: Int) throws(ThalwegError) {
        let gathered = box.state.gatheredBytes
        // A batch alone may have more than is gathered at most.
        guard gathered > 0, gathered + bytes > limits.entryBytes / 8 * 5 else { return }
        throw .exceeded(
            .tooManyRequests, "the bytes of writes that wait for the log",
            value: gathered + bytes, limit: limits.entryBytes / 8 * 5,
            advice: "wait for answers before sending more")
    }

    /// Answers `token` when everything merged so far is durable and applied.
    public func barrier(_ topic: TopicID, token: UInt64) throws(ThalwegError) {
        let box = try required(topic)
        if box.state.isStream { return box.state.queue.barrier(token: token) }
        box.state.open.pointee.tickets.append(Ticket(token: token))
    }

    /// Whether records of the topic expire.
    public func expires(_ topic: TopicID) -> Bool {
        (box(topic)?.state.definition.options.timeToLiveMicroseconds ?? 0) > 0
    }

    /// Merges the deletion of records that nobody asserted for their time to live, for 1/256 of
    /// the topic; `part` goes round.
    ///
    /// - Parameter uptime: microseconds of a clock that never steps, to tell when `time` did; without
    ///   one it is taken not to.
    public func expire(_ topic: TopicID, part: Int, time: Timestamp, uptime: Int64? = nil) {
        let part = part % KeyIndex.partsInAll
        box(topic)?.state.expire(part: part, time: time.microseconds, uptime: uptime)
    }

    /// Whether each write to the topic is a change of its own, logged without waiting for a window.
    public func keepsEveryWrite(_ topic: TopicID) -> Bool {
        box(topic)?.state.isStream ?? false
    }

    /// The topic's open window or group of writes has grown so large that it is cut now, also while
    /// others are on their way.
    public func isGroupFull(_ topic: TopicID) -> Bool {
        guard let box = box(topic) else { return false }
        let full = limits.entryBytes / 4
        return box.state.gatheredBytes
            >= (box.state.isStream ? min(StreamQueue.fullBytes, full) : full)
    }

    /// When the topic's open window is due; `nil` while it is empty, and where there are none.
    public func deadline(_ topic: TopicID) -> Timestamp? {
        guard let box = box(topic), !box.state.isOpenEmpty,
            case .coalesced(let width) = box.state.definition.options.writes
        else { return nil }
        return Timestamp(microseconds: box.state.open.pointee.openedAt + Int64(width))
    }

    /// What sealing a window gave.
    public struct Sealed: Sendable {
        /// The entry to append to the log; `nil` where nothing changed in the end.
        public var entry: [UInt8]?
        /// Answers that need not wait: no window before this one is on its way.
        public var completions: [Completion]
        /// Why the entry cannot be logged: everything in it came to nothing.
        public var refusal: ThalwegError?
    }

    /// Closes the topic's open window; `nil` where it is empty or too many are on their way.
    public func seal(_ topic: TopicID, time: Timestamp) -> Sealed? {
        guard let box = box(topic) else { return nil }
        if box.state.isStream {
            guard !box.state.queue.isEmpty, box.state.queue.canSeal, !box.state.waitsForEpoch
            else { return nil }
            let (entry, done) = box.state.sealStream(time: time.microseconds)
            if let entry, let refusal = tooLarge(entry) {
                let told = box.state.queue.dropSealed(refusal, lastOffset: box.state.newestOffset)
                return Sealed(completions: told, refusal: refusal)
            }
            return Sealed(entry: entry, completions: done)
        }
        guard !box.state.isOpenEmpty, box.state.canSeal else { return nil }
        let entry = box.state.seal(time: time.microseconds)
        if let entry, let refusal = tooLarge(entry) {
            return Sealed(completions: box.state.dropSealed(refusal), refusal: refusal)
        }
        let completions = entry == nil ? box.state.takeCompletions(appliedOne: false) : []
        return Sealed(entry: entry, completions: completions)
    }

    private func tooLarge(_ entry: [UInt8]) -> ThalwegError? {
        guard entry.count > limits.entryBytes else { return nil }
        return .exceeded(
            .recordTooLarge, "the size in bytes of one entry of the log", value: entry.count,
            limit: limits.entryBytes, advice: "write fewer or smaller records at a time")
    }

    /// Sealed windows of the topic whose entries are not applied yet.
    public func windowsInFlight(_ topic: TopicID) -> Int {
        guard let box = box(topic) else { return 0 }
        return box.state.isStream ? box.state.queue.groupsInFlight : box.state.inFlight
    }

    // MARK: Applying

    /// What an entry did.
    public struct Applied: Sendable {
        public var kind: EntryKind
        public var topic: TopicID
        /// The topic's newest offset before and after.
        public var before: Offset
        public var after: Offset
        public var completions: [Completion] = []
        /// Why a deployment came to nothing, on every node alike.
        public var refusal: ThalwegError?
        public var mark: LogMark?
        /// This node's state is not the leader's.
        public var divergence: StateDivergence?
    }

    /// Applies a committed entry, this partition's own or one read from a log.
    ///
    /// - Throws: `log_damaged` where the entry cannot be one that a partition wrote.
    public func apply(_ entry: UnsafeRawBufferPointer) throws(ThalwegError) -> Applied {
        var reader = ByteReader(entry)
        let header = try EntryHeader(from: &reader)
        var applied = Applied(
            kind: header.kind, topic: header.topic, before: .start, after: .start)
        switch header.kind {
        case .window:
            // A window cut before its topic was dropped comes to nothing, on every node.
            guard let box = box(header.topic) else { return applied }
            applied.before = Offset(box.state.table.changes.last)
            if box.state.inFlight > 0 {
                box.state.applySealed()
                applied.completions = box.state.takeCompletions(appliedOne: true)
            } else {
                try box.state.applyWindow(&reader, time: header.time.microseconds)
                try reader.finish()
            }
            applied.after = Offset(box.state.table.changes.last)
        case .stream:
            guard let box = box(header.topic) else { return applied }
            applied.before = box.state.newestOffset
            let outcomes = try box.state.applyStream(&reader, time: header.time.microseconds)
            try reader.finish()
            applied.completions = box.state.completions(outcomes)
            applied.after = box.state.newestOffset
        case .createTopic:
            try create(header.topic, try TopicDefinition(from: &reader))
        case .alterTopic:
            try alter(header.topic, try TopicDefinition(from: &reader))
        case .dropTopic:
            applied.completions = drop(header.topic)
        case .deployProgram:
            let deployment = try ProgramDeployment(from: &reader)
            try reader.finish()
            applied.refusal = try deploy(deployment, header)
        case .removeProgram:
            box(header.topic)?.state.program = nil
        case .truncateTopic:
            guard let box = box(header.topic) else { return applied }
            applied.before = Offset(box.state.table.changes.last)
            let isOwn = box.state.inFlight > 0
            try box.state.applyTruncation(time: header.time.microseconds, programs)
            if isOwn { applied.completions = box.state.takeCompletions(appliedOne: true) }
            if box.state.isStream { applied.completions = box.state.completions([]) }
            applied.after = Offset(box.state.table.changes.last)
        case .mark:
            let mark = try LogMark(from: &reader)
            try reader.finish()
            applied.mark = mark
            if mark.wantsHash { note(mark, header.topic) }
        case .stateCheck:
            let check = try StateCheck(from: &reader)
            try reader.finish()
            applied.divergence = compare(check, header.topic)
        case .registerSource, .retractSource:
            throw TopicState.strangeEntry("a \(header.kind) for a partition")
        }
        return applied
    }

    private func deploy(
        _ deployment: ProgramDeployment, _ header: EntryHeader
    ) throws(ThalwegError) -> ThalwegError? {
        do throws(ThalwegError) {
            try required(header.topic).state.deploy(
                deployment, time: header.time.microseconds, programs)
            return nil
        } catch {
            // This node cannot know what the others made of it.
            if error.code == .programEngineMissing { throw error }
            return error
        }
    }
}
