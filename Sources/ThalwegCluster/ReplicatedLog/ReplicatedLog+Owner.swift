// What the owner's thread does, turn by turn.
import ThalwegLog
import ThalwegModel

extension ReplicatedLog {
    private struct Work {
        var items: [Incoming]
        var proposals: [(term: UInt64, proposal: ConsensusEvent.Proposal)]
        var isStopping: Bool
        var stopAt: UInt64
        var hasUncommitted: Bool
    }

    func runOwner() {
        do throws(ThalwegError) {
            try give()
            while true {
                let work = waitForWork()
                if work.isStopping, !work.hasUncommitted || clock() >= work.stopAt { return }
                try take(work)
                try give()
            }
        } catch {
            fail(error)
        }
    }

    private func waitForWork() -> Work {
        let (isStopping, retryAt) = inbox.withLock { ($0.isStopping, $0.retryAt) }
        var deadline = min(replica.deadline, retryAt ?? .max)
        // A log that stops looks now and then whether it is done.
        if isStopping { deadline = min(deadline, clock() + 20) }
        func taken(_ state: inout Inbox) -> Work {
            defer {
                state.items = []
                state.proposals = []
                state.frameBytes = 0
                state.retryAt = nil
            }
            return Work(
                items: state.items, proposals: state.proposals, isStopping: state.isStopping,
                stopAt: state.stopAt,
                hasUncommitted: state.term != nil && state.uncommittedBytes > 0)
        }
        let work = inbox.wait(untilMilliseconds: deadline) { state -> Work? in
            guard
                !state.items.isEmpty || (!state.proposals.isEmpty && retryAt == nil)
                    || (state.isStopping && !isStopping)
            else { return nil }
            return taken(&state)
        }
        return work ?? inbox.withLock { taken(&$0) }
    }

    // MARK: In

    private func take(_ work: Work) throws(ThalwegError) {
        for item in work.items { try take(item) }
        if !work.proposals.isEmpty { try propose(work.proposals) }
        let now = clock()
        if now >= replica.deadline { try replica.tick(now) }
    }

    private func take(_ item: Incoming) throws(ThalwegError) {
        switch item {
        case .frame(let bytes):
            let frame: PeerFrame
            do throws(ThalwegError) {
                frame = try PeerFrame(decoding: bytes)
            } catch {
                // The peer's transport is broken or of another version; its node says so. What it
                // sends cannot be used here.
                return inbox.change { $0.statistics.refusedFrames += 1 }
            }
            guard frame.cluster == options.cluster, frame.to == id else {
                return inbox.change { $0.statistics.refusedFrames += 1 }
            }
            try replica.receive(frame.message, from: frame.from, clock())
        case .lost(let peer):
            try replica.lost(peer, clock())
        case .jobEnded(let failure):
            try replica.jobEnded(failure, clock())
        case .change(let change, let answer):
            do throws(ThalwegError) {
                try change(replica)
                answer(.success(()))
            } catch {
                answer(.failure(error))
                if [.clusterDiverged, .logDamaged, .memoryLimit].contains(error.code) {
                    throw error
                }
            }
        case .snapshotEnded(let point, let failure):
            join(\.snapshotThread)
            guard let failure else { return try replica.tookSnapshot(point) }
            if failure.code == .syncFailed { throw failure }
        case .restored(let failure):
            join(\.restoreThread)
            if let failure { throw failure }
            try replica.hasRestored(clock())
        }
    }

    /// The thread of a snapshot said that it is done.
    private func join(_ place: sending WritableKeyPath<Inbox, LogThread?>) {
        let thread = inbox.withLock { state in
            defer { state[keyPath: place] = nil }
            return state[keyPath: place]
        }
        thread?.join()
    }

    /// Those of an earlier leadership are void: whoever made them was told `follows`.
    private func propose(
        _ proposals: [(term: UInt64, proposal: ConsensusEvent.Proposal)]
    ) throws(ThalwegError) {
        let current = proposals.filter { $0.term == replica.core.term }.map(\.proposal)
        guard !current.isEmpty, replica.leads else { return }
        do throws(ThalwegError) {
            try replica.propose(current, clock())
            inbox.withLock { $0.refusedSince = nil }
        } catch {
            // Leadership is being handed over, or most disks are full: tried again in order, with
            // those that came meanwhile behind.
            guard [.tooManyRequests, .diskFull].contains(error.code) else {
                if error.code == .notLeader { return }
                throw error
            }
            inbox.change { state in
                state.proposals = proposals + state.proposals
                state.retryAt = clock() + 5
                if error.code == .diskFull { state.refusedSince = state.refusedSince ?? clock() }
            }
        }
    }

    // MARK: Out

    /// Gives out what the replica has for others, until there is nothing more.
    private func give() throws(ThalwegError) {
        while true {
            if let job = replica.takeJob() { diskBox.change { $0.job = job } }
            send()
            let events = replica.events
            replica.events = []
            publish()
            for event in events { try give(event) }
            if replica.events.isEmpty, replica.outbox.isEmpty { return }
        }
    }

    private func send() {
        let letters = replica.outbox
        replica.outbox = []
        for (to, message) in letters {
            // One who was just removed, or a candidate of other members, may be unknown here.
            let peer = replica.core.membership[to] ?? Member(to, address: "")
            let frame = PeerFrame(cluster: options.cluster, from: id, to: to, message: message)
            transport.send(frame.encoded(), to: peer)
        }
    }

    private func give(_ event: ReplicaEvent) throws(ThalwegError) {
        switch event {
        case .committed(let entries):
            let commands = entries.filter { $0.kind == .command }
            let bytes = commands.reduce(0) { $0 + $1.payload.count }
            inbox.withLock { state in
                if let term = state.term {
                    let own = commands.reduce(0) { $0 + ($1.term == term ? $1.payload.count : 0) }
                    state.uncommittedBytes = max(0, state.uncommittedBytes - own)
                }
                state.statistics.entries += UInt64(commands.count)
                state.statistics.payloadBytes += UInt64(bytes)
                state.statistics.groups += 1
            }
            if !commands.isEmpty { receiver.committed(commands) }
        case .leads(let term):
            inbox.withLock { $0.term = term }
            receiver.leads(term)
        case .follows:
            inbox.withLock { state in
                state.term = nil
                state.uncommittedBytes = 0
                state.refusedSince = nil
                state.proposals = []
            }
            receiver.follows()
        case .leader(let leader):
            receiver.leader(replica.core.membership[leader])
        case .restored(let index):
            guard let reader = try log.snapshotReader(), reader.index == index else {
                throw ThalwegError(.logDamaged, "the snapshot of entry \(index) is gone")
            }
            try restore(reader)
        }
    }

    /// Has the state replaced, which may take long, on a thread of its own: this one goes on to hear
    /// the others and to answer them.
    private func restore(_ reader: SnapshotReader) throws(ThalwegError) {
        // Safe: nobody else has the reader; starting the thread hands it over.
        nonisolated(unsafe) let reader = reader
        let thread = try LogThread.start(name: "log-restore") { [self, receiver] in
            do throws(ThalwegError) {
                try receiver.restored(reader)
                post(.restored(nil))
            } catch {
                post(.restored(error))
            }
        }
        inbox.withLock { $0.restoreThread = thread }
    }
}
