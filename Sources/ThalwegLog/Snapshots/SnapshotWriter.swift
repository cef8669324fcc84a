public import ThalwegModel

/// Takes the bytes of a snapshot from a thread that must not block, and writes them on its own.
///
/// Feed it while `isReadyForMore`; when it is not, `whenReady` calls back. `finish` makes it
/// durable under its name and only then lets the log drop what it replaces. Until then nothing of
/// it counts: a crash, an error or `abandon` leaves the previous snapshot and the whole log.
///
/// Any thread may call, one at a time. Callbacks run on the writer's thread.
public final class SnapshotWriter: Sendable {
    /// The state after applying this entry.
    public let index: UInt64

    private struct State {
        var queue: [[UInt8]] = []
        var queuedBytes = 0
        var isFinishing = false
        var isAbandoned = false
        var failure: ThalwegError?
        var hasEnded = false
        var onReady: [@Sendable () -> Void] = []
        var onEnd: [@Sendable (ThalwegError?) -> Void] = []
    }

    /// What the log does when a snapshot is durable, and when the writer ended in any way.
    struct Events: Sendable {
        let becameDurable: @Sendable () throws(ThalwegError) -> Void
        let ended: @Sendable (ThalwegError?) -> Void
    }

    private let storage: any Storage
    private let logID: UInt64
    private let options: LogOptions
    private let place: SnapshotPlace
    private let events: Events
    private let state: Monitor<State>

    init(
        storage: any Storage, logID: UInt64, index: UInt64, place: SnapshotPlace = SnapshotPlace(),
        options: LogOptions, events: Events
    ) {
        self.storage = storage
        self.logID = logID
        self.index = index
        self.options = options
        self.place = place
        self.events = events
        state = Monitor(State())
    }

    // MARK: Feeding

    /// Whether `append` takes another chunk now. It also turns true when the writer failed, so that
    /// the feeder comes and learns of it.
    public var isReadyForMore: Bool {
        state.withLock { isReady($0) }
    }

    /// Calls back once the writer is ready for more; at once if it is.
    public func whenReady(_ callback: @escaping @Sendable () -> Void) {
        let isReady = state.withLock { state in
            if self.isReady(state) { return true }
            state.onReady.append(callback)
            return false
        }
        if isReady { callback() }
    }

    /// Blocks until the writer is ready for more.
    public func waitUntilReady() {
        state.wait { isReady($0) ? () : nil }
    }

    /// Queues a chunk; its cuts mean nothing to the reader. Never blocks.
    ///
    /// Throws `tooManyRequests` when it is not ready for more, the error that ended the writing, or
    /// `stopped` after `finish` or `abandon`.
    public func append(_ bytes: [UInt8]) throws(ThalwegError) {
        try state.change { (state) throws(ThalwegError) in
            if let failure = state.failure { throw failure }
            guard !state.isFinishing, !state.isAbandoned, !state.hasEnded else {
                throw ThalwegError(.stopped, "the snapshot of entry \(index) takes no more bytes")
            }
            guard isReady(state) else {
                throw .exceeded(
                    .tooManyRequests, "what the snapshot has queued", value: state.queuedBytes,
                    limit: options.maximumSnapshotQueuedBytes, advice: "wait until it is ready")
            }
            state.queue.append(bytes)
            state.queuedBytes += bytes.count
        }
    }

    /// As `append`, from memory that is copied.
    public func append(_ bytes: UnsafeRawBufferPointer) throws(ThalwegError) {
        try append([UInt8](bytes))
    }

    // MARK: Ending

    /// Makes the snapshot durable, then drops older snapshots and the log before it. Blocks.
    public func finish() throws(ThalwegError) {
        state.change { $0.isFinishing = true }
        let failure = waitForEnd()
        if let failure { throw failure }
    }

    /// As `finish`, without blocking; `completion` gets nil or the error.
    public func finish(_ completion: @escaping @Sendable (ThalwegError?) -> Void) {
        let end: ThalwegError?? = state.change { state in
            state.isFinishing = true
            if state.hasEnded { return .some(Self.outcome(state)) }
            state.onEnd.append(completion)
            return .none
        }
        if let end { completion(end) }
    }

    /// Gives up: what was written is removed. Has no effect once `finish` was called.
    public func abandon() {
        state.change { $0.isAbandoned = true }
    }

    /// Blocks until the writer ended; gives the error that it ended with.
    @discardableResult
    func waitForEnd() -> ThalwegError? {
        let end: ThalwegError?? = state.wait { $0.hasEnded ? .some(Self.outcome($0)) : nil }
        return end ?? nil
    }

    private static func outcome(_ state: borrowing State) -> ThalwegError? {
        if let failure = state.failure { return failure }
        guard state.isAbandoned, !state.isFinishing else { return nil }
        return ThalwegError(.stopped, "the snapshot was abandoned")
    }

    private func isReady(_ state: borrowing State) -> Bool {
        state.failure != nil || state.hasEnded
            || state.queuedBytes < options.maximumSnapshotQueuedBytes
    }

    // MARK: The writer's thread

    private enum Work {
        case chunks([[UInt8]])
        case finish
        case abandon
    }

    /// Writes until the end; the body of the writer's thread.
    func run() {
        do throws(ThalwegError) {
            try write()
            end(nil)
        } catch {
            end(error)
        }
    }

    private func write() throws(ThalwegError) {
        let file = try SnapshotFile(
            storage: storage, logID: logID, index: index, place: place,
            syncBytes: options.snapshotSyncBytes)
        do throws(ThalwegError) {
            while true {
                switch nextWork() {
                case .chunks(let chunks):
                    for chunk in chunks { try file.append(chunk) }
                case .finish:
                    try file.finish()
                    try events.becameDurable()
                    return
                case .abandon:
                    try file.discard()
                    return
                }
            }
        } catch {
            // Gives the room back where the disk was full. After any other error the file stays as
            // it is, under a name that the next opening removes.
            if error.code == .diskFull { try file.discard() }
            throw error
        }
    }

    private func nextWork() -> Work {
        let (work, ready) = state.wait { state -> (Work, [@Sendable () -> Void])? in
            if state.isAbandoned && !state.isFinishing { return (.abandon, []) }
            if state.queue.isEmpty { return state.isFinishing ? (.finish, []) : nil }
            let chunks = state.queue
            state.queue = []
            state.queuedBytes = 0
            let ready = state.onReady
            state.onReady = []
            return (.chunks(chunks), ready)
        }
        // Whoever waits for room may look: there is some now.
        state.wake()
        for callback in ready { callback() }
        return work
    }

    private func end(_ failure: ThalwegError?) {
        events.ended(failure)
        let (callbacks, ready, outcome) = state.change { state in
            state.failure = failure
            state.hasEnded = true
            state.queue = []
            state.queuedBytes = 0
            defer {
                state.onEnd = []
                state.onReady = []
            }
            return (state.onEnd, state.onReady, Self.outcome(state))
        }
        for callback in ready { callback() }
        for callback in callbacks { callback(outcome) }
    }
}
