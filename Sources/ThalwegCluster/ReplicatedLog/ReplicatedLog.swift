public import ThalwegLog
public import ThalwegModel

/// The log of a node in a cluster: an entry is committed when a majority has it on its disks.
///
/// Two threads, and one for a snapshot that comes or goes. The *owner* has the replica: it takes what
/// came in (proposals, frames, finished work), steps, and gives out what follows. The *disk* runs one
/// job at a time, so the owner never waits for a sync, and what comes in meanwhile is one group: one
/// sync for many entries.
///
///     append ──► inbox ──► owner: replica ──► frames to peers
///     frames ──►              │    ▲   └────► committed, leads, follows …
///                             ▼    │
///                            disk: write ► sync
public final class ReplicatedLog: CommitLog, @unchecked Sendable {
    // Safe: `inbox` and `diskBox` have their locks. `replica` and `receiver` belong to the owner's
    // thread once it runs, to the caller before; `worker` to the disk's thread.

    enum Incoming: Sendable {
        case frame([UInt8])
        case lost(NodeID)
        case jobEnded(ThalwegError?)
        case change(@Sendable (Replica) throws(ThalwegError) -> Void, Answer)
        case snapshotEnded(SnapshotPoint, ThalwegError?)
        case restored(ThalwegError?)
    }

    /// Told what became of a request; called once.
    public typealias Answer = @Sendable (Result<Void, ThalwegError>) -> Void

    struct Inbox {
        var items: [Incoming] = []
        var proposals: [(term: UInt64, proposal: ConsensusEvent.Proposal)] = []
        var frameBytes = 0
        /// Proposals that the core did not take yet are tried again at this time.
        var retryAt: UInt64?
        var uncommittedBytes = 0
        /// Since when most disks have no room for proposals.
        var refusedSince: UInt64?
        /// The term whose appends are taken; nil while this node does not lead.
        var term: UInt64?
        var number: UInt64 = 0
        var statistics = LogStatistics()
        var failure: ThalwegError?
        var isStarted = false
        var isStopping = false
        var stopAt: UInt64 = .max
        var isStopped = false
        var ownerThread: LogThread?
        var diskThread: LogThread?
        var snapshotThread: LogThread?
        var restoreThread: LogThread?
        var membership = Membership()
        var committedMembership = Membership()
        var leader = NodeID.none
        var progress = ReplicaProgress()
        var leaderHeardAt: UInt64?
    }

    struct DiskBox {
        var job: DiskJob?
        var isStopping = false
    }

    public let id: NodeID
    let options: ReplicatedLogOptions
    let log: ReplicaLog
    let replica: Replica
    let transport: any PeerTransport
    let clock: @Sendable () -> UInt64
    let inbox = Monitor(Inbox())
    let diskBox = Monitor(DiskBox())
    var receiver = ReplicatedLogReceiver()
    private var isReceiverDone = false

    init(
        options: ReplicatedLogOptions, log: ReplicaLog, replica: Replica,
        transport: any PeerTransport, clock: @escaping @Sendable () -> UInt64
    ) {
        id = replica.id
        self.options = options
        self.log = log
        self.replica = replica
        self.transport = transport
        self.clock = clock
        publish()
    }

    // MARK: Callers

    public var statistics: LogStatistics { inbox.withLock { $0.statistics } }
    /// How long the disk took for the log.
    package var syncTimes: SyncTimes { log.syncTimes }
    public var lastIndex: UInt64 { statistics.lastIndex }
    public var durableIndex: UInt64 { statistics.durableIndex }
    /// The members in force as far as this node knows.
    public var membership: Membership { inbox.withLock { $0.membership } }
    /// The newest that this node knows to be committed.
    public var committedMembership: Membership { inbox.withLock { $0.committedMembership } }
    /// Who leads, as far as this node knows.
    public var leader: NodeID { inbox.withLock { $0.leader } }

    public func start(
        committed: @escaping @Sendable ([LogEntry]) -> Void,
        failed: @escaping @Sendable (ThalwegError) -> Void
    ) {
        var receiver = ReplicatedLogReceiver()
        receiver.committed = committed
        receiver.failed = failed
        start(receiver)
    }

    /// Starts the threads and the transport. Call once.
    public func start(_ receiver: ReplicatedLogReceiver) {
        self.receiver = receiver
        let failure: ThalwegError? = inbox.change { state in
            precondition(!state.isStarted, "a log is started once")
            guard !state.isStopping else { return nil }
            state.isStarted = true
            do throws(ThalwegError) {
                state.diskThread = try LogThread.start(name: "log-disk") { self.runDisk() }
                state.ownerThread = try LogThread.start(name: "log-owner") { self.runOwner() }
                return nil
            } catch {
                state.failure = error
                return error
            }
        }
        if let failure { return receiver.failed(failure) }
        transport.start(
            PeerReceiver(
                received: { [weak self] frame in self?.received(frame) },
                lost: { [weak self] peer in self?.post(.lost(peer)) }))
    }

    /// As `append(tag:payload:term:)`, in whatever term this node leads. For callers with nothing
    /// that a lost leadership makes void; others must say for which term they mean it.
    public func append(tag: UInt32, payload: [UInt8]) throws(ThalwegError) -> UInt64 {
        try append(tag: tag, payload: payload, term: nil)
    }

    /// Queues an entry if this node leads in `term`, and returns a number that rises from call to
    /// call; its index is known when it is committed. Any thread.
    ///
    /// Throws `not_leader`, `too_many_requests`, `record_too_large`, `disk_full`, `stopped`, or the
    /// error that `failed` reported.
    public func append(
        tag: UInt32, payload: [UInt8], term: UInt64?
    ) throws(ThalwegError) -> UInt64 {
        guard payload.count <= options.log.maximumEntryBytes else {
            throw .exceeded(
                .recordTooLarge, "an entry in bytes", value: payload.count,
                limit: options.log.maximumEntryBytes, advice: "write less at a time")
        }
        return try inbox.withLock { (state) throws(ThalwegError) in
            try Self.checkRunning(state)
            guard let current = state.term, term == nil || term == current else {
                guard !state.progress.isRoomless else { throw Self.noRoom("nobody can lead") }
                throw ThalwegError(
                    .notLeader, "this node does not lead", advice: "ask the node that does")
            }
            guard !state.statistics.isDiskFull else {
                throw Self.noRoom("the disk has no room for the log")
            }
            // At first a leader does not know how the others are.
            if let since = state.refusedSince, clock() >= since + Self.roomPatience {
                throw Self.noRoom("the disks of most nodes have no room for the log")
            }
            let bytes = state.uncommittedBytes + payload.count
            guard bytes <= options.maximumUncommittedBytes else {
                throw .exceeded(
                    .tooManyRequests, "what is not committed yet, in bytes", value: bytes,
                    limit: options.maximumUncommittedBytes, advice: "write slower")
            }
            state.uncommittedBytes = bytes
            state.number += 1
            state.proposals.append((current, .init(tag: tag, payload: payload)))
            if state.proposals.count == 1 { inbox.wake() }
            return state.number
        }
    }

    /// Milliseconds for which proposals are held although most disks are said to be full.
    private static let roomPatience: UInt64 = 1_000

    private static func noRoom(_ what: String) -> ThalwegError {
        ThalwegError(.diskFull, what, advice: "make room; writes go on by themselves")
    }

    static func checkRunning(_ state: borrowing Inbox) throws(ThalwegError) {
        if let failure = state.failure { throw failure }
        if state.isStopping { throw ThalwegError(.stopped, "the log is stopped") }
    }

    private func received(_ frame: [UInt8]) {
        inbox.change { state in
            // What is dropped here is sent again if it matters.
            guard !state.isStopping, state.failure == nil,
                state.frameBytes + frame.count <= options.maximumInboxBytes
            else { return }
            state.frameBytes += frame.count
            state.items.append(.frame(frame))
        }
    }

    func post(_ item: Incoming) {
        inbox.change { $0.items.append(item) }
    }

    public func stop() {
        let (isFirst, owner) = inbox.change { state in
            let isFirst = !state.isStopping
            state.isStopping = true
            state.stopAt = clock() + options.stopMilliseconds
            return (isFirst, state.ownerThread)
        }
        guard isFirst else {
            if owner?.isCurrent != true { inbox.wait { $0.isStopped ? () : nil } }
            return
        }
        precondition(owner?.isCurrent != true, "the log is not stopped from its own callbacks")
        owner?.join()
        transport.stop()
        diskBox.change { $0.isStopping = true }
        let threads = inbox.withLock { [$0.diskThread, $0.snapshotThread, $0.restoreThread] }
        for thread in threads { thread?.join() }
        if inbox.withLock({ $0.failure }) == nil { log.close() } else { log.closeAbruptly() }
        inbox.change { $0.isStopped = true }
    }

    // MARK: The disk's thread

    private func runDisk() {
        let worker = DiskWorker(log)
        while true {
            let next: DiskJob?? = diskBox.wait { box in
                if let job = box.job {
                    box.job = nil
                    return .some(job)
                }
                return box.isStopping ? .some(nil) : nil
            }
            guard case .some(.some(let job)) = next else { return }
            do throws(ThalwegError) {
                try worker.run(job)
                post(.jobEnded(nil))
            } catch {
                post(.jobEnded(error))
            }
        }
    }

    // MARK: What everybody may look at

    func publish() {
        let before = inbox.withLock { state in
            defer {
                state.progress.isDiskFull = replica.isDiskFull
                state.progress.isRoomless = replica.keepsNobodyLeading
            }
            state.statistics.lastIndex = replica.core.lastIndex
            state.statistics.durableIndex = min(replica.durableIndex, replica.core.commitIndex)
            state.statistics.snapshotIndex = log.snapshotIndex
            state.statistics.syncs = log.syncs
            state.statistics.segments = log.segmentCount
            state.statistics.isDiskFull = replica.refusesForRoom
            state.statistics.queuedBytes = state.uncommittedBytes
            state.membership = replica.core.membership
            state.committedMembership = replica.core.committedMembership.members
            state.leader = replica.core.role == .leader ? id : replica.core.leader
            state.progress.commitIndex = replica.core.commitIndex
            state.progress.deliveredIndex = replica.deliveredIndex
            state.progress.leader = state.leader
            state.leaderHeardAt = replica.leaderHeardAt
            return state.progress
        }
        let after = inbox.withLock { $0.progress }
        if after.isDiskFull != before.isDiskFull { receiver.diskFull(after.isDiskFull) }
        if after.isRoomless != before.isRoomless { receiver.roomless(after.isRoomless) }
    }

    /// Ends the log for ever.
    func fail(_ error: ThalwegError) {
        inbox.change { state in
            state.failure = error
            state.term = nil
            state.items = []
            state.proposals = []
        }
        guard !isReceiverDone else { return }
        isReceiverDone = true
        receiver.failed(error)
    }
}
