import ThalwegEngine
import ThalwegLog
import ThalwegModel

extension Simulation {
    // MARK: Lives

    func start(_ node: SimulatedNode) throws(ThalwegError) {
        let promised = node.promised
        do throws(ThalwegError) {
            try node.start(
                founders: founders[node.id] == nil ? nil : founders,
                timerSeed: UInt32(truncatingIfNeeded: random.next()), time: milliseconds)
        } catch {
            node.stop(losesPower: false)
            node.promised = promised
            guard error.code != .diskFull else {
                queue.schedule(.start(node.id), at: now + 200_000)
                return
            }
            if checks.damaged.contains(node.id), error.code == .logDamaged {
                report.damages += 1
                node.isGone = true
                return
            }
            return fail("node \(node.id) does not start: \(error)")
        }
        guard let log = node.log, let replica = node.replica else { return }
        if replica.durableIndex < promised.durable {
            fail("node \(node.id) lost entries \(replica.durableIndex + 1)…\(promised.durable)")
        }
        let vote = Vote(log.state)
        if vote.term < promised.vote.term {
            fail("node \(node.id) forgot term \(promised.vote.term)")
        }
        report.restarts += 1
        report.note(1, node.id.rawValue, now)
        do throws(ThalwegError) {
            try settle(node)
        } catch {
            try stopped(node, error)
        }
    }

    func stop(_ node: SimulatedNode, losesPower: Bool) {
        guard node.isUp else { return }
        report.note(2, node.id.rawValue, now)
        node.stop(losesPower: losesPower)
        forgetWaiters(at: node)
        // A machine without power says nothing.
        if !losesPower { endConnections(of: node) }
    }

    /// Others hear that they are not connected to a node any more, unless they are cut off from it.
    func endConnections(of node: SimulatedNode, onlyOne: Bool = false) {
        var others = nodes.filter { $0.id != node.id && !cuts.contains([node.id, $0.id]) }
        if onlyOne { others = random.pick(others).map { [$0] } ?? [] }
        for other in others {
            queue.schedule(
                .lost(node.id, at: other.id), at: now + random.duration(100...maximumDelay))
        }
    }

    /// A node ended itself.
    func stopped(_ node: SimulatedNode, _ error: ThalwegError) throws(ThalwegError) {
        // The cut may be over by now: with the last write of a job, only the next one learns of it.
        let powerFailed = node.storage.isPowerOff && error.code == .storageFailed
        stop(node, losesPower: powerFailed)
        if powerFailed {
            queue.schedule(.start(node.id), at: now + random.duration(1_000...800_000))
            return
        }
        switch error.code {
        case .removedFromCluster: node.isGone = true
        case .diskFull:
            queue.schedule(.start(node.id), at: now + 200_000)
        default: fail("node \(node.id) stopped: \(error)")
        }
    }

    // MARK: Outputs

    /// Takes everything that a node's replica wants done.
    func settle(_ node: SimulatedNode) throws(ThalwegError) {
        guard let replica = node.replica else { return }
        var turns = 0
        while true {
            let events = replica.events
            replica.events = []
            for event in events { try take(event, node) }
            if let job = replica.takeJob() {
                node.runningJob = job
                let slow: UInt64 = node.slowUntil > now ? 30 : 1
                let time = now + random.duration(100...3_000) * slow
                queue.schedule(.disk(node.id, life: node.life), at: time)
            }
            guard !node.isAccused else { return stop(node, losesPower: false) }
            let letters = replica.outbox
            replica.outbox = []
            for (to, message) in letters { send(message, from: node, to: to) }
            if replica.events.isEmpty, replica.outbox.isEmpty { break }
            turns += 1
            precondition(turns < 1_000, "a node settles")
        }
        let wake = max(replica.deadline * 1_000, now + 1)
        if wake < node.wakeAt {
            node.wakeAt = wake
            queue.schedule(.wake(node.id, life: node.life), at: wake)
        }
        scheduleSeal(node)
    }

    private func send(_ message: PeerMessage, from node: SimulatedNode, to: NodeID) {
        if !isCalm, random.below(100) < lossPercent { return }
        var delay = random.duration(100...maximumDelay)
        if node.slowUntil > now { delay *= 10 }
        let twice = !isCalm && random.below(100) < duplicationPercent
        queue.schedule(.message(message, from: node.id, to: to), at: now + delay)
        if twice {
            let later = now + delay + random.duration(1...200_000)
            queue.schedule(.message(message, from: node.id, to: to), at: later)
        }
    }

    private func take(_ event: ReplicaEvent, _ node: SimulatedNode) throws(ThalwegError) {
        switch event {
        case .committed(let entries):
            checkCommitted(entries, node)
            let before = node.machine.appliedIndex
            for entry in entries { try apply(entry, node) }
            try checkDigest(node, since: before)
            try startSnapshot(node)
        case .leads(let term):
            report.leaders += 1
            report.note(3, node.id.rawValue, term)
            checks.noteLeader(node.id, term) { fail($0) }
            node.machine.lead(time: Int64(now))
            try createTopics(node)
        case .follows:
            stepDown(node)
        case .leader:
            break
        case .restored(let index):
            report.installs += 1
            guard try node.log?.snapshotReader()?.index == index else {
                return fail("node \(node.id) has no snapshot of \(index)")
            }
            stepDown(node)
            node.snapshotDue = nil
            node.snapshotWalk = nil
            queue.schedule(
                .restore(node.id, life: node.life), at: now + random.duration(100...300_000))
        }
    }

    /// The state of another node takes the place of this one's, a while after its bytes came.
    func restore(_ node: SimulatedNode) throws(ThalwegError) {
        guard let reader = try node.log?.snapshotReader() else {
            return fail("node \(node.id) lost the snapshot that it restores")
        }
        try node.machine.load(reader)
        try checkDigest(node, since: 0)
        try guarding(node) { (replica) throws(ThalwegError) in
            try replica.hasRestored(milliseconds)
        }
    }

    // MARK: The disk

    func runJob(_ node: SimulatedNode) throws(ThalwegError) {
        guard let job = node.runningJob, let worker = node.worker else { return }
        node.runningJob = nil
        node.applyFaults()
        var failure: ThalwegError?
        do throws(ThalwegError) {
            try worker.run(job)
        } catch {
            failure = error
        }
        if failure?.code == .diskFull { report.fullDisks += 1 }
        try guarding(node) { (replica) throws(ThalwegError) in
            try replica.jobEnded(failure, milliseconds)
        }
    }

    private func startSnapshot(_ node: SimulatedNode) throws(ThalwegError) {
        guard node.snapshotDue == nil, let replica = node.replica, let log = node.log,
            node.machine.appliedIndex >= log.snapshotIndex + 80, random.once(in: 8),
            let point = replica.snapshotPoint(at: node.machine.appliedIndex)
        else { return }
        node.snapshotDue = point
        node.snapshotBytes = ByteWriter()
        node.snapshotBytes.byteArray(node.machine.catalog.snapshot())
        node.snapshotWalk = node.machine.partition.beginSnapshot()
        queue.schedule(
            .snapshot(node.id, life: node.life), at: now + random.duration(500...10_000))
    }

    /// Goes on with a snapshot, of the state as it was when it began, while writes go on.
    func writeSnapshot(_ node: SimulatedNode) throws(ThalwegError) {
        guard let point = node.snapshotDue, let log = node.log, var walk = node.snapshotWalk else {
            return
        }
        for _ in 0..<1 + random.below(8) {
            guard let block = node.machine.partition.nextBlock(&walk, limit: 400) else {
                node.snapshotDue = nil
                node.snapshotWalk = nil
                return try finishSnapshot(node, point, log)
            }
            node.snapshotBytes.byteArray(block)
        }
        node.snapshotWalk = walk
        queue.schedule(
            .snapshot(node.id, life: node.life), at: now + random.duration(500...10_000))
    }

    private func finishSnapshot(
        _ node: SimulatedNode, _ point: SnapshotPoint, _ log: ReplicaLog
    ) throws(ThalwegError) {
        node.applyFaults()
        do throws(ThalwegError) {
            guard point.index > log.snapshotIndex else { return }
            let file = try log.beginIncoming(at: point.index, place: SnapshotPlace(point))
            do throws(ThalwegError) {
                try file.append(node.snapshotBytes.bytes)
                try file.finish()
            } catch  where error.code == .diskFull {
                try file.discard()
                return
            }
        } catch {
            if error.code == .diskFull { return }
            return try stopped(node, error)
        }
        try guarding(node) { (replica) throws(ThalwegError) in try replica.tookSnapshot(point) }
    }
}
