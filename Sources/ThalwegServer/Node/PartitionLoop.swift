// A partition on its event loop: the shell that gives the pure state machine a clock, the log and
// the connections.
//
//   WRITE ─► merge ─► (window due, or somebody waits for an answer) ─► seal ─► log
//                                                                               │ durable
//   answers ◄──────────────────────── apply ◄──────────────────────────────────┘
//
// Everything here runs on `loop`, but for `committed`, which only hands over.
import Logging
import NIOCore
import ThalwegCluster
import ThalwegEngine
import ThalwegLog
import ThalwegModel
import ThalwegWire

final class PartitionLoop: @unchecked Sendable {
    let loop: any EventLoop
    let number: Int
    let log: any NodeLog
    let logger: Logger
    /// Where histories go that outgrow memory.
    let library: ShelfLibrary

    // On `loop` only:
    let partition: Partition
    /// What a GET is answered with, used again by the next.
    @exclusivity(unchecked) private var answers = RecordsWriter(capacity: PartitionLoop.answerBytes)
    private static let answerBytes = 4 << 10
    /// How often another node's snapshot took the place of the state.
    var stateNumber = 0
    /// Whether writes are taken here, and in which term they are appended.
    @exclusivity(unchecked) private(set) var leadership = Leadership.follows(nil)
    let subscriptions: SubscriptionHub
    /// Requests that came on this loop's connections.
    let requests = RequestCounts()
    let offsetWaiters: OffsetWaiters
    private(set) lazy var retractions = SourceRetractions(
        loop: loop, partition: partition, merged: { [unowned self] in startTimer($0) },
        barrier: { [unowned self] in barrier($0, $1) })
    // What each batch comes by: see `Partition.topics`.
    @exclusivity(unchecked) var waiters = WaiterTable()
    /// Topics whose open window has a timer.
    private var timed: Set<TopicID> = []
    /// Topics in whose open window somebody waits for an answer.
    @exclusivity(unchecked) var urgent = TopicSet()
    @exclusivity(unchecked) private var isUrgentScheduled = false
    @exclusivity(unchecked) var unheard = UnheardWriters()
    /// Truncations that wait for their turn.
    var truncations: [TopicID: [@Sendable (ThalwegError?) -> Void]] = [:]
    /// Who has how many bytes in the open group of a topic that keeps every write, and in those on
    /// their way.
    @exclusivity(unchecked) var held: [TopicID: HeldWrites] = [:]
    var heldInFlight: [TopicID: [HeldWrites]] = [:]
    /// While writes of another loop are merged: how many bytes of them wait.
    @exclusivity(unchecked) var heldOfCrossing: Int?
    /// Entries that the log could not take, in order; writes are refused while there are any.
    var refused: [(topic: TopicID, entry: [UInt8])] = []
    /// The log takes none, or this node does not lead.
    @exclusivity(unchecked) var objection: ThalwegError? = Leadership.refusal(nil)
    /// Leadership is being handed over: what was merged goes on, nothing more is taken.
    @exclusivity(unchecked) var isHandingOver = false
    /// Why no writes are taken; `nil` where they are.
    var refusal: ThalwegError? { objection ?? partRefusal }
    /// Why nothing is begun here by the part that this node plays; `nil` where it is.
    var partRefusal: ThalwegError? {
        leadership.refusal ?? (isHandingOver ? Leadership.handingOver : nil)
    }
    /// Marks in the log that somebody waits for.
    var marks = Marks()
    var checks = StateChecks()
    var hashes = TopicHashes()
    /// History files that the snapshot under way does not need.
    var forgottenHistory: [HistoryName] = []
    /// Who waits for a deployment or removal, in the order of their entries.
    var programChanges: [TopicID: [(ThalwegError?) -> Void]] = [:]
    var snapshot: SnapshotPump?
    var latency = CommitLatency()
    var expirePart = 0
    /// Called with each topic that an entry changed.
    var changed: ((Partition.Applied) -> Void)?
    /// Whether a topic that is not there was dropped, as far as this node knows.
    var wasDropped: (TopicID) -> Bool = { _ in false }
    /// Called when this node's state is not the leader's.
    var diverged: (StateDivergence) -> Void = { _ in }
    /// The log is kept by several nodes.
    let isReplicated: Bool

    init(
        number: Int, loop: any EventLoop, partition: Partition, log: any NodeLog,
        library: ShelfLibrary, logger: Logger, deliveryShare: Int
    ) {
        self.library = library
        self.number = number
        self.loop = loop
        self.partition = partition
        self.log = log
        self.logger = logger
        isReplicated = log is ReplicatedLog
        subscriptions = SubscriptionHub(
            loop: loop, partition: partition, deliveryShare: deliveryShare)
        offsetWaiters = OffsetWaiters(loop: loop, partition: partition)
        subscriptions.isNewest = { [unowned self] in isNewest }
        // The hub is this loop's own. (An object that was once held weakly counts its references by
        // a longer way for ever.)
        subscriptions.unblocked = { [unowned self] topic in
            seal(topic)
            truncateIfReady(topic)
        }
    }

    // MARK: Writes

    /// Merges one batch. `payload` is the WRITE frame's, lent for the call.
    func write(
        _ payload: UnsafeRawBufferPointer, requestID: UInt32, source: SourceID,
        session: UniqueID, connection: any Answering
    ) {
        loop.assertInEventLoop()
        let start = SubscriptionHub.now
        defer { subscriptions.worked(since: start) }
        merge(
            payload, requestID: requestID, source: source, session: session, time: .now,
            connection: connection)
    }

    func merge(
        _ payload: UnsafeRawBufferPointer, requestID: UInt32, source: SourceID,
        session: UniqueID, time: Timestamp, connection: any Answering
    ) {
        do throws(ThalwegError) {
            var reader = ByteReader(payload)
            let header = try WriteBatchHeader(from: &reader)
            if let refusal { throw refusal }
            if header.acknowledgement == .committedEach, header.count > Committed.maximumResults {
                throw .exceeded(
                    .invalidBatch, "the number of writes that are each to be answered",
                    value: Int(header.count), limit: Committed.maximumResults,
                    advice: "send smaller batches")
            }
            let writes = try reader.bytes(reader.remaining)
            let waits = header.acknowledgement.rawValue >= Acknowledgement.committed.rawValue
            let token =
                waits
                ? waiters.add(.batch(connection, requestID: requestID)) : nil
            let outcome: MergeOutcome
            do throws(ThalwegError) {
                outcome = try partition.merge(
                    writes, header: header, source: source, session: session, time: time,
                    token: token)
            } catch {
                if let token { waiters.take(token) }
                throw error
            }
            connection.noteMerged(outcome)
            if !waits { unheard.note(connection, header.topic) }
            if waits || outcome.queued > 0 {
                makeUrgent(header.topic)
            } else {
                startTimer(header.topic)
            }
            if outcome.queued > 0 {
                hold(writes.count, header.topic, connection)
            } else if partition.isGroupFull(header.topic) {
                sealOrHold(writes.count, header.topic, connection)
            }
            if header.acknowledgement == .received {
                connection.answer(Received(writes: header.count), requestID)
            }
        } catch {
            // Nobody waits for an answer: the next flush is told.
            if requestID == 0 { connection.lost(WriteBatchHeader.topic(of: payload), error) }
            connection.refuse(error, requestID)
        }
    }

    /// Calls back when all that was merged into `topic` so far is durable and applied, or with the
    /// reason why this node cannot know.
    func barrier(_ topic: TopicID, _ done: @escaping @Sendable (ThalwegError?) -> Void) {
        loop.assertInEventLoop()
        if let refusal = leadership.refusal { return done(refusal) }
        let token = waiters.add(.barrier(done))
        do throws(ThalwegError) {
            try partition.barrier(topic, token: token)
            makeUrgent(topic)
        } catch {
            // The topic was dropped: nothing of it is left to wait for.
            waiters.take(token)
            done(nil)
        }
    }

    /// Only for `take`: the part that this node plays from here on.
    func play(_ leadership: Leadership) {
        self.leadership = leadership
        objection = leadership.refusal
        isHandingOver = false
    }

    // MARK: Windows

    func startTimer(_ topic: TopicID) {
        guard !timed.contains(topic) else { return }
        guard let deadline = partition.deadline(topic) else {
            // Without a window what was queued, by whomever, goes as soon as the log can take it.
            if partition.keepsEveryWrite(topic) { makeUrgent(topic) }
            return
        }
        timed.insert(topic)
        var wait = max(0, deadline.microseconds - Timestamp.now.microseconds)
        // Readers at the tail hear of a write a window after it, the log's time and their own included:
        // up to half of the window goes to these.
        if subscriptions.wantsHaste(topic) { wait -= min(latency.usual / 1_000, wait / 2) }
        loop.scheduleTask(in: .microseconds(wait)) { [self] in
            timed.remove(topic)
            seal(topic)
        }
    }

    /// Seals the topic's window as soon as the log has nothing of it under way: one slow client
    /// gets low latency, a thousand share an entry.
    func makeUrgent(_ topic: TopicID) {
        urgent.insert(topic)
        guard !isUrgentScheduled else { return }
        isUrgentScheduled = true
        // Behind whatever this turn of the loop still reads.
        loop.execute { [self] in
            isUrgentScheduled = false
            sealUrgent()
        }
    }

    private func sealUrgent() {
        for topic in urgent.all
        where partition.windowsInFlight(topic) == 0 || partition.isGroupFull(topic) {
            seal(topic)
        }
    }

    func seal(_ topic: TopicID) {
        guard !subscriptions.isBlocked(topic) else {
            // A slow subscriber asked for this; sealing goes on when it is at the tail again.
            urgent.insert(topic)
            return
        }
        urgent.remove(topic)
        let start = SubscriptionHub.now
        defer { subscriptions.worked(since: start) }
        guard let sealed = partition.seal(topic, time: .now) else {
            // No room for another window in flight: `applied` comes back here.
            if partition.windowsInFlight(topic) > 0 { urgent.insert(topic) }
            return
        }
        if let entry = sealed.entry {
            closeHeld(topic)
            append(entry, topic)
        } else {
            // What waited in it came to nothing.
            releaseOpen(topic)
        }
        let writers = unheard.take(topic)
        if let refusal = sealed.refusal {
            logger.error(
                "writes are lost", metadata: ["topic": "\(topic)", "reason": "\(refusal)"])
            for writer in writers { writer.lost(topic, refusal) }
        }
        complete(confirming(sealed.completions, topic, isLogged: sealed.entry != nil))
    }

    // MARK: Committed entries

    /// Applies committed entries of this partition's topics, in log order.
    func apply(_ entries: [LogEntry]) {
        loop.assertInEventLoop()
        for entry in entries {
            do throws(ThalwegError) {
                let start = SubscriptionHub.now
                let result = entry.payload.withUnsafeBytes { bytes in
                    Result { () throws(ThalwegError) in try partition.apply(bytes) }
                }
                let applied = try result.get()
                subscriptions.worked(since: start)
                if applied.kind.isOfPartition {
                    latency.noteApplied(now: SubscriptionHub.now)
                }
                if applied.kind == .stream || applied.kind == .window {
                    releaseHeld(applied.topic)
                }
                if applied.kind == .dropTopic {
                    releaseAllHeld(applied.topic)
                    _ = unheard.take(applied.topic)
                }
                complete(
                    applied.kind == .window
                        ? confirming(applied.completions, applied.topic, isLogged: true)
                        : applied.completions)
                if applied.kind == .deployProgram || applied.kind == .removeProgram {
                    programChanged(applied)
                }
                if let mark = applied.mark { reached(mark, applied.topic) }
                if let divergence = applied.divergence { diverged(divergence) }
                subscriptions.applied(applied)
                if applied.kind.isOfPartition { latency.noteSent(now: SubscriptionHub.now) }
                offsetWaiters.applied(applied)
                changed?(applied)
                if applied.after > applied.before { storeHistory(applied.topic) }
                if applied.kind == .window {
                    partition.recycle(applied.topic, entry: entry.payload)
                }
                if urgent.contains(applied.topic) { seal(applied.topic) }
                if !truncations.isEmpty { truncateIfReady(applied.topic) }
            } catch {
                // The log gave back what this process wrote and it cannot be applied: memory or
                // program is broken, and going on would spread it.
                fatalError("entry \(entry.index) cannot be applied: \(error)")
            }
        }
    }

    /// Answers whoever waited; what one connection is told goes out in one piece.
    func complete(_ completions: [Completion]) {
        guard !completions.isEmpty else { return }
        var outgoing = OutgoingAnswers()
        for completion in completions {
            switch waiters.take(completion.token) {
            case .barrier(let done):
                done(completion.refusal)
            case .batch(let connection, let requestID):
                if let refusal = completion.refusal {
                    connection.refuse(refusal, requestID)
                } else {
                    outgoing.add(completion, requestID, to: connection)
                }
            case nil:
                break
            }
        }
        outgoing.send()
    }

    // MARK: Reading

    /// Lends `body` the answer to a GET of these encoded keys, as everything applied so far has them.
    func answer(
        _ head: GetHead, _ keys: UnsafeRawBufferPointer, _ requestID: UInt32,
        _ body: (UnsafeRawBufferPointer) -> Void
    ) throws(ThalwegError) {
        defer {
            // A large answer is rare: its memory is not kept.
            if answers.byteCount > 1 << 20 {
                answers = RecordsWriter(capacity: PartitionLoop.answerBytes)
            }
        }
        try partition.encodeRecords(head.topic, keys: keys, count: Int(head.count), into: &answers)
        body(answers.finish(requestID: requestID))
    }
}
