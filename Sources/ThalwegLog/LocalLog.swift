public import ThalwegModel

/// The log of a node that stands alone: entries in segment files of one directory.
///
/// Callers queue entries from any thread. The writer thread takes what is queued as one group, lays
/// it out in a buffer, writes it, syncs once, and reports it committed; while it syncs, the next
/// group queues. So the slower the disk, the larger the groups, and the cost of a sync is shared.
///
///     append ──► queue ──► group: write ► sync ► committed(group)
///                  └──────── the next one gathers meanwhile
///
/// States: running ► full ► running (the disk had no room, then had) ► failed or
/// stopped (for ever).
/// In `full` the group that did not fit and what was queued behind it are kept, new entries are
/// refused, and each `retryAfterDiskFull()` tries again.
///
/// The directory stays locked until `stop()`.
public final class LocalLog: CommitLog, @unchecked Sendable {
    // Safe: `state` has its own lock. `writer`, `inFlight`, `committed` and `failed` belong to the
    // writer thread once it runs; before `start` and after the thread was joined, to the caller.

    struct State {
        var queue: [LogEntry] = []
        var statistics: LogStatistics
        /// First indices of the segments that exist, oldest first.
        var segments: [UInt64]
        var isStarted = false
        var isStopping = false
        var isStopped = false
        var retryIsWanted = false
        /// The error that ended the log.
        var failure: ThalwegError?
        var snapshot: SnapshotWriter?
        var snapshotThread: LogThread?
        var thread: LogThread?
    }

    /// What a turn of the writer did.
    enum Turn {
        case progressed
        /// Nothing is queued.
        case idle
        /// The disk is full.
        case blocked
        /// The log failed.
        case ended
    }

    let storage: any Storage
    let options: LogOptions
    let logID: UInt64
    let state: Monitor<State>
    private let writer: SegmentWriter
    package let syncTimes = SyncTimes()
    private var inFlight: ArraySlice<LogEntry> = []
    private var committed: @Sendable ([LogEntry]) -> Void = { _ in }
    private var failed: @Sendable (ThalwegError) -> Void = { _ in }

    init(
        storage: any Storage, options: LogOptions, logID: UInt64, writer: SegmentWriter,
        lastIndex: UInt64, segments: [UInt64], snapshotIndex: UInt64
    ) {
        self.storage = storage
        self.options = options
        self.logID = logID
        self.writer = writer
        var statistics = LogStatistics()
        statistics.lastIndex = lastIndex
        statistics.durableIndex = lastIndex
        statistics.snapshotIndex = snapshotIndex
        statistics.segments = segments.count
        state = Monitor(State(statistics: statistics, segments: segments))
    }

    // MARK: Callers

    public var lastIndex: UInt64 { state.withLock { $0.statistics.lastIndex } }
    public var durableIndex: UInt64 { state.withLock { $0.statistics.durableIndex } }
    public var statistics: LogStatistics { state.withLock { $0.statistics } }

    public func start(
        committed: @escaping @Sendable ([LogEntry]) -> Void,
        failed: @escaping @Sendable (ThalwegError) -> Void
    ) {
        guard prepare(committed: committed, failed: failed) else { return }
        do throws(ThalwegError) {
            // Within the lock, so that whoever stops the log finds the thread.
            try state.change { (state) throws(ThalwegError) in
                state.thread = try LogThread.start(name: "log-writer") { self.runWriter() }
            }
        } catch {
            fail(error)
        }
    }

    /// Sets the receivers without a thread; tests then drive the writer with `takeTurn()`.
    func prepare(
        committed: @escaping @Sendable ([LogEntry]) -> Void,
        failed: @escaping @Sendable (ThalwegError) -> Void
    ) -> Bool {
        let isFirst = state.change { state in
            precondition(!state.isStarted, "a log is started once")
            guard !state.isStopping else { return false }
            state.isStarted = true
            return true
        }
        guard isFirst else { return false }
        self.committed = committed
        self.failed = failed
        return true
    }

    public func append(tag: UInt32, payload: [UInt8]) throws(ThalwegError) -> UInt64 {
        guard payload.count <= options.maximumEntryBytes else {
            throw .exceeded(
                .recordTooLarge, "the entry's size in bytes", value: payload.count,
                limit: options.maximumEntryBytes, advice: "write it in smaller batches")
        }
        return try state.withLock { (state) throws(ThalwegError) in
            try Self.checkRunning(state)
            guard !state.statistics.isDiskFull else {
                throw ThalwegError(
                    .diskFull, "the disk has no room for the log",
                    advice: "make room; writes go on by themselves")
            }
            let queued = state.statistics.queuedBytes + payload.count
            guard queued <= options.maximumQueuedBytes else {
                throw .exceeded(
                    .tooManyRequests, "what the log has queued, in bytes", value: queued,
                    limit: options.maximumQueuedBytes, advice: "write slower than the disk")
            }
            let index = state.statistics.lastIndex + 1
            state.statistics.lastIndex = index
            state.statistics.queuedBytes = queued
            state.queue.append(LogEntry(index: index, tag: tag, payload: payload))
            // Only an empty queue can have let the writer sleep.
            if state.queue.count == 1 { self.state.wake() }
            return index
        }
    }

    /// Tries again to write what did not fit. Call it now and then while `isDiskFull`.
    public func retryAfterDiskFull() {
        state.change { $0.retryIsWanted = true }
    }

    static func checkRunning(_ state: borrowing State) throws(ThalwegError) {
        if let failure = state.failure { throw failure }
        if state.isStopping { throw ThalwegError(.stopped, "the log is stopped") }
    }

    public func stop() {
        let (isFirst, thread, snapshot, snapshotThread) = state.change { state in
            let isFirst = !state.isStopping
            state.isStopping = true
            return (isFirst, state.thread, state.snapshot, state.snapshotThread)
        }
        guard isFirst else {
            if thread?.isCurrent != true { state.wait { $0.isStopped ? () : nil } }
            return
        }
        precondition(thread?.isCurrent != true, "the log is not stopped from its own callbacks")
        snapshot?.abandon()
        snapshotThread?.join()
        if let thread { thread.join() } else { runWriter() }
        storage.unlock()
        state.change { $0.isStopped = true }
    }

    // MARK: The writer's thread

    private func runWriter() {
        var mayWait = true
        while mayWait {
            switch takeTurn() {
            case .progressed: continue
            case .idle: mayWait = sleep { !$0.queue.isEmpty || $0.failure != nil }
            case .blocked: mayWait = sleep { $0.retryIsWanted || $0.failure != nil }
            case .ended: mayWait = false
            }
        }
        finish()
    }

    /// Sleeps until there is something to do; false if the log is to stop instead.
    private func sleep(until isDue: (State) -> Bool) -> Bool {
        state.wait { state in
            if isDue(state) {
                state.retryIsWanted = false
                return true
            }
            return state.isStopping ? false : nil
        }
    }

    /// Writes, syncs and reports one group, as far as it fits into one segment.
    func takeTurn() -> Turn {
        let failure = state.withLock { state in
            if inFlight.isEmpty, state.failure == nil {
                inFlight = state.queue[...]
                state.queue = []
            }
            return state.failure
        }
        if let failure {
            fail(failure)
            return .ended
        }
        do throws(ThalwegError) {
            guard let first = inFlight.first else {
                try writeMark()
                return .idle
            }
            var count = writer.countFitting(inFlight)
            if count == 0 {
                try roll(payloadBytes: first.payload.count)
                count = writer.countFitting(inFlight)
                precondition(count > 0, "a new segment has room for the entry it was made for")
            }
            let group = inFlight.prefix(count)
            try writer.persist(group)
            inFlight = inFlight.dropFirst(count)
            // An empty slice would keep the entries of its array.
            if inFlight.isEmpty { inFlight = [] }
            report(Array(group))
            return .progressed
        } catch {
            if error.code == .diskFull {
                state.change { $0.statistics.isDiskFull = true }
                return .blocked
            }
            fail(error)
            return .ended
        }
    }

    private func writeMark() throws(ThalwegError) {
        do throws(ThalwegError) {
            try writer.writeMark()
        } catch  where error.code == .diskFull {
            // A mark only helps to tell damage from a torn write; what it states is durable.
        }
    }

    private func roll(payloadBytes: Int) throws(ThalwegError) {
        try writer.roll(payloadBytes: payloadBytes)
        state.change { state in
            if state.segments.last != writer.firstIndex {
                state.segments.append(writer.firstIndex)
            }
            state.statistics.segments = state.segments.count
        }
    }

    private func report(_ group: [LogEntry]) {
        let bytes = group.reduce(0) { $0 + $1.payload.count }
        let syncs = writer.takeSyncs()
        syncTimes.add(syncs)
        state.change { state in
            state.statistics.entries += UInt64(group.count)
            state.statistics.payloadBytes += UInt64(bytes)
            state.statistics.groups += 1
            state.statistics.syncs += syncs.count
            state.statistics.queuedBytes -= bytes
            state.statistics.durableIndex = writer.durableIndex
            state.statistics.isDiskFull = false
        }
        committed(group)
    }

    /// Ends the log for ever: what is not durable now is never reported.
    private func fail(_ error: ThalwegError) {
        inFlight = []
        let isStarted = state.change { state in
            state.failure = error
            state.queue = []
            state.statistics.queuedBytes = 0
            return state.isStarted
        }
        let receiver = failed
        failed = { _ in }
        if isStarted { receiver(error) }
    }

    /// The last thing the writer's thread does.
    private func finish() {
        let (failure, rest) = state.withLock { ($0.failure, inFlight.count + $0.queue.count) }
        guard failure == nil else {
            writer.closeAbruptly()
            return
        }
        if rest > 0 {
            writer.closeAbruptly()
            fail(
                ThalwegError(
                    .diskFull,
                    "the log was stopped with \(rest) entries that the disk had no "
                        + "room for; they were never acknowledged and are not kept"))
            return
        }
        do throws(ThalwegError) {
            try writer.close()
        } catch {
            if error.code != .diskFull { fail(error) }
        }
    }

    /// Called by a snapshot's thread when the disk did not keep what it synced.
    func failFromElsewhere(_ error: ThalwegError) {
        state.change { state in
            if state.failure == nil { state.failure = error }
        }
    }
}
