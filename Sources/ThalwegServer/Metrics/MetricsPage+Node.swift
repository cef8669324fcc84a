import Synchronization
import ThalwegCluster
import ThalwegLog
import ThalwegModel

// Where the figures of a node, its log and its cluster come from.
extension MetricsPage {
    mutating func addProcess() {
        add(.build, 1, serverVersion)
        let figures = ProcessFigures()
        if let time = figures.processorSeconds { add(.processorTime, seconds: time) }
        if let (virtual, resident) = figures.memory {
            add(.virtualMemory, virtual)
            add(.residentMemory, resident)
        }
        if let files = figures.openFiles { add(.openFiles, files) }
        if let files = figures.mostFiles { add(.mostFiles, files) }
        if let time = ProcessFigures.startTime { add(.startTime, seconds: time) }
    }

    /// What any thread may look at.
    mutating func add(_ node: Node) {
        let counters = node.counters
        let open = counters.connections.load(ordering: .relaxed)
        add(.connections, UInt64(clamping: open))
        add(.connectionLimit, UInt64(node.options.limits.connections))
        add(.accepted, counters.accepted.load(ordering: .relaxed))
        add(.received, counters.bytesIn.load(ordering: .relaxed))
        add(.refused, counters.refusedFrames.load(ordering: .relaxed))
        add(.writes, counters.writes.load(ordering: .relaxed))
        add(.unchanged, counters.unchanged.load(ordering: .relaxed))
        add(.invalid, counters.invalid.load(ordering: .relaxed))
        add(.memoryLimit, UInt64(node.options.limits.memoryBytes))
        add(node.log)
        add(node.snapshots.withLock { $0 })
    }

    private mutating func add(_ log: any NodeLog) {
        let statistics = log.statistics
        add(.logEntries, statistics.entries)
        add(.logBytes, statistics.payloadBytes)
        add(.logGroups, statistics.groups)
        add(.logSyncs, statistics.syncs)
        add(.logSyncTimes, log.syncTimes.histogram)
        add(.logQueued, UInt64(clamping: statistics.queuedBytes))
        add(.logSegments, UInt64(clamping: statistics.segments))
        add(.logIndex, statistics.durableIndex)
        add(.snapshotIndex, statistics.snapshotIndex)
        let replicated = log as? ReplicatedLog
        add(.diskFull, replicated?.progress.isDiskFull ?? statistics.isDiskFull)
        if replicated != nil { add(.refusedFrames, statistics.refusedFrames) }
    }

    private mutating func add(_ snapshots: SnapshotState) {
        add(.snapshots, snapshots.taken)
        add(.snapshotFailures, snapshots.failed)
        add(.snapshotRunning, snapshots.isRunning)
        guard let time = snapshots.takenAt else { return }
        add(.snapshotTime, seconds: Double(time.microseconds) / 1e6)
        add(.snapshotDuration, seconds: Double(snapshots.duration) / 1e6)
    }

    // MARK: The cluster

    /// - Parameter standing: `nil` for a node alone, and while the log's thread does not answer.
    mutating func add(_ node: Node, _ standing: ReplicaStanding?) {
        let progress = node.replicatedLog?.progress
        let durable = node.log.durableIndex
        let term = node.leadership.withLock { $0.term }
        add(.node, 1, "\(node.identity ?? NodeID.none)")
        add(.leads, term != nil)
        add(.leaderKnown, progress?.leader != NodeID.none)
        add(.commitIndex, progress?.commitIndex ?? durable)
        add(.appliedIndex, progress?.deliveredIndex ?? durable)
        add(.lag, progress?.lag ?? 0)
        add(.leaderChanges, node.leaderships.changes)
        add(.timesLed, node.leaderships.led)
        guard let progress else {
            add(.leaderHeard, seconds: 0)
            add(.term, 0)
            add(.role, "alone", of: Self.roles)
            return
        }
        if let silence = progress.millisecondsSinceLeader {
            add(.leaderHeard, seconds: Double(silence) / 1e3)
        }
        guard let standing else { return }
        add(.term, standing.term)
        let own = node.identity.flatMap { standing.membership[$0] }
        let role = standing.role == .leader ? "leader" : own?.role == .voter ? "voter" : "learner"
        add(.role, role, of: Self.roles)
        let voters = standing.membership.members.filter { $0.role == .voter }.count
        add(.members, UInt64(voters), "voter")
        add(.members, UInt64(standing.membership.members.count - voters), "learner")
        if standing.role == .leader { addPeers(node, standing) }
    }

    static let roles = ["alone", "leader", "voter", "learner"]

    private mutating func addPeers(_ node: Node, _ standing: ReplicaStanding) {
        for member in standing.membership.members where member.id != node.identity {
            let name = "\(member.id)"
            let index = standing.matchIndices[member.id] ?? 0
            let silence = standing.silences[member.id]
            let lag = standing.commitIndex - min(index, standing.commitIndex)
            let state = PeerState(
                silence: silence, lag: lag, unreachableAfter: node.unreachableMilliseconds)
            add(.peerState, state.rawValue, of: PeerState.allCases.map(\.rawValue), name)
            add(.peerLag, lag, name)
            add(.peerIndex, index, name)
            if let silence { add(.peerHeard, seconds: Double(silence) / 1e3, name) }
        }
    }
}
