import Logging
import NIOCore
import Synchronization
import ThalwegCluster
import ThalwegEngine
import ThalwegLog
import ThalwegModel

// What the log's thread tells besides entries: who leads, and that another state is in force. It
// goes to the loops the way that entries do.
extension Node {
    func receiver(
        failed: @escaping @Sendable (ThalwegError) -> Void
    ) -> ReplicatedLogReceiver {
        var receiver = ReplicatedLogReceiver()
        receiver.committed = { [self] in committed($0) }
        receiver.leads = { [self] in
            leaderships.noteLed()
            become(.leads(term: $0))
        }
        receiver.follows = { [self] in become(isRoomless ? .lacksRoom : .follows(nil)) }
        receiver.leader = { [self] in heard(of: $0) }
        receiver.restored = { [self] reader throws(ThalwegError) in try restore(reader) }
        receiver.diskFull = { [self] in roomChanged(isFull: $0) }
        receiver.roomless = { [self] in become($0 ? .lacksRoom : .follows(nil)) }
        receiver.failed = failed
        return receiver
    }

    private var isRoomless: Bool { replicatedLog?.progress.isRoomless ?? false }

    /// The others go on: somebody must be told.
    private func roomChanged(isFull: Bool) {
        if isFull {
            logger.error(
                "the disk is full: this node falls behind until there is room",
                metadata: ["directory": "\(options.dataDirectory)"])
        } else {
            logger.notice("the disk has room again")
        }
    }

    private func heard(of leader: Member?) {
        leaderships.heard(of: leader?.id)
        // Whoever leads says so itself when it may take writes.
        guard leadership.withLock({ $0.term == nil }) else { return }
        let isOther = leader != nil && leader?.id != identity
        if case .lacksRoom = leadership.withLock({ $0 }), !isOther { return }
        become(.follows(leader?.id == identity ? nil : leader))
    }

    private func become(_ next: Leadership) {
        leadership.withLock { $0 = next }
        if options.cluster != nil {
            logger.info("leadership", metadata: ["now": "\(next)"])
        }
        for partition in loops {
            partition.loop.execute { partition.take(next) }
        }
        onCatalog(behind: loops[...]) { [self] in catalog.take(next) }
    }

    /// This node among the members; `nil` for one that stands alone.
    var identity: NodeID? { replicatedLog?.id }

    // MARK: Handing over

    /// Makes durable and answers what was merged, and hands leadership over where there is somebody
    /// to take it. What comes meanwhile is refused before anything is done with it, so that clients
    /// take it to whoever leads next and none is left with a request of which nobody knows.
    func stopLeading() async {
        let isOneOfMany = replicatedLog?.membership.voters.count ?? 1 > 1
        handOvers.withLock { $0.isStopping = true }
        guard isOneOfMany else { return await drain() }
        await comeToRest()
        await handOver()
    }

    /// Takes nothing more, and makes durable and answers what was merged.
    func comeToRest() async {
        for partition in loops {
            await onLoop(partition.loop) { done in
                partition.isHandingOver = partition.leadership.term != nil
                done()
            }
        }
        await onLoop(catalog.loop) { [catalog] done in catalog.comeToRest(done) }
        await drain()
    }

    private func onLoop(
        _ loop: any EventLoop, _ body: @escaping @Sendable (@escaping @Sendable () -> Void) -> Void
    ) async {
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            loop.execute { body { continuation.resume() } }
        }
    }

    /// Hands leadership to the voter that is furthest, so that writes need not wait until the others
    /// miss this node. Returns when that is done, or has taken as long as an election.
    func handOver() async {
        guard let log = replicatedLog, let cluster = options.cluster else { return }
        let patience = Int64(cluster.replica.consensus.electionMilliseconds)
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            catalog.loop.execute { [catalog] in
                catalog.whenLost(within: .milliseconds(patience)) { continuation.resume() }
                guard catalog.leadership.term != nil else { return }
                log.transfer(to: .none) { result in
                    // Nobody could take over.
                    guard case .failure = result else { return }
                    catalog.loop.execute { catalog.tellLost() }
                }
            }
        }
    }

    // MARK: Another node's snapshot

    /// Loads a snapshot beside the state and puts it in its place, before this returns. Readers are
    /// served from the old state meanwhile, so both are in memory. On a thread of its own; the log's
    /// hands out nothing committed until this is done.
    private func restore(_ reader: SnapshotReader) throws(ThalwegError) {
        leaderships.isRestoring.store(true, ordering: .relaxed)
        defer { leaderships.isRestoring.store(false, ordering: .relaxed) }
        let catalogTwin = catalog.catalog.emptyTwin()
        let twins = loops.map { $0.partition.emptyTwin() }
        let eventLoops = loops.map(\.loop)
        let feed = RecoveryFeed(partitions: twins, loops: eventLoops)
        do throws(ThalwegError) {
            try Recovery.load(reader, catalogTwin, feed, eventLoops)
        } catch {
            // Nothing may be left under way when the partitions go.
            try? feed.finish()
            throw error
        }
        try feed.finish()
        for (partition, twin) in zip(loops, twins) {
            let held = LoopConfined(twin, on: partition.loop)
            Node.wait(partition.loop.submit { partition.replace(with: held.value) })
        }
        let held = LoopConfined(catalogTwin, on: catalog.loop)
        Node.wait(catalog.loop.submit { [catalog] in catalog.replace(with: held.value) })
        snapshots.withLock { $0.bytesAtLast = log.statistics.payloadBytes }
        // Clients come back and resume at their offsets, which are the same on every node.
        dropConnections()
        logger.info(
            "state replaced by another node's snapshot", metadata: ["index": "\(reader.index)"])
    }

    private static func wait(_ done: EventLoopFuture<Void>) {
        do {
            try done.wait()
        } catch {
            preconditionFailure("nothing is thrown there: \(error)")
        }
    }
}
