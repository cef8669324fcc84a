import ThalwegEngine
import ThalwegLog
import ThalwegModel

/// A node of a simulated cluster: a disk that outlives it, and a process that comes and goes.
final class SimulatedNode {
    let id: NodeID
    let address: String
    let storage: FaultyStorage
    /// Counts processes: what was scheduled for an earlier one is void.
    private(set) var life = 0
    private(set) var log: ReplicaLog?
    private(set) var replica: Replica?
    private(set) var worker: DiskWorker?
    private(set) var machine = SimulatedMachine()

    /// Found damaged, or removed: it never comes back.
    var isGone = false
    var pausedUntil: UInt64 = 0
    var slowUntil: UInt64 = 0
    var wallOffset: Int64 = 0
    var runningJob: DiskJob?
    var wakeAt: UInt64 = .max
    var sealAt: UInt64?
    /// The next look at sources and records that may be dead.
    var isBeatDue = false
    /// The next slice of what is being hashed.
    var isSliceDue = false
    /// It found its own state to be another than the leader's, and is about to end.
    var isAccused = false
    var snapshotDue: SnapshotPoint?
    var snapshotWalk: PartitionSnapshot?
    var snapshotBytes = ByteWriter()
    /// The power fails in the next job, at this write of it.
    var powerCut: Int?
    var capacityBytes: Int?
    /// What the last process promised to have on its disk.
    var promised: (durable: UInt64, vote: Vote) = (0, Vote())

    init(_ id: NodeID, seed: UInt64) {
        self.id = id
        address = "node\(id.rawValue)"
        storage = FaultyStorage(seed: seed)
    }

    /// For a failure's message.
    var description: String {
        guard let replica else { return "\(id) \(isGone ? "gone" : "down")" }
        let core = replica.core
        let members = core.membership.members.map { "\($0.id)\($0.role == .voter ? "" : "?")" }
        return "\(id) \(core.role) term \(core.term) log …\(core.lastIndex) committed "
            + "\(core.commitIndex) durable \(replica.durableIndex) delivered "
            + "\(replica.deliveredIndex) leads \(replica.leads) members \(members)"
            + (core.isMembershipPending ? " pending" : "") + (replica.isDiskFull ? " full" : "")
    }

    var isUp: Bool { replica != nil }

    static let logOptions: LogOptions = {
        var options = LogOptions()
        options.segmentBytes = 8 << 10
        options.writeBufferBytes = 4 << 10
        options.snapshotSyncBytes = 4 << 10
        return options
    }()

    /// Opens the disk and begins. Throws what opening throws.
    func start(founders: Membership?, timerSeed: UInt32, time: UInt64) throws(ThalwegError) {
        applyFaults()
        let opened = try ReplicaLog.open(
            storage: storage, options: Self.logOptions, newNode: id.rawValue)
        log = opened.log
        machine = SimulatedMachine()
        if let snapshot = opened.snapshot { try machine.load(snapshot) }
        var options = ReplicaOptions()
        options.consensus.electionMilliseconds = 150
        options.consensus.heartbeatMilliseconds = 30
        options.consensus.installMilliseconds = 2_000
        options.consensus.entriesInFlight = 64
        options.consensus.seed = timerSeed
        options.cacheBytes = 4 << 10
        options.groupBytes = 2 << 10
        options.messageBytes = 1 << 10
        options.windowBytes = 4 << 10
        options.resendMilliseconds = 200
        options.trailingEntries = 60
        options.trailingBytes = 16 << 10
        options.pieceMilliseconds = 200
        options.diskRetryMilliseconds = 100
        replica = try Replica(opened, founders: founders, options: options, time: time)
        worker = DiskWorker(opened.log)
        life += 1
    }

    /// The process ends; with the power, what was not synced may be lost.
    func stop(losesPower: Bool) {
        if let replica, let log { promised = (replica.durableIndex, Vote(log.state)) }
        life += 1
        replica = nil
        worker = nil
        log = nil
        runningJob = nil
        wakeAt = .max
        sealAt = nil
        isBeatDue = false
        isSliceDue = false
        snapshotDue = nil
        snapshotWalk = nil
        powerCut = nil
        pausedUntil = 0
        if losesPower { storage.crash() } else { storage.killProcess() }
    }

    func applyFaults() {
        var faults = StorageFaults()
        faults.capacityBytes = capacityBytes
        faults.powerCutAtOperation = powerCut
        faults.areTransfersShort = id.rawValue % 2 == 0
        storage.setFaults(faults)
    }

    var usedBytes: Int {
        ((try? storage.list()) ?? []).reduce(0) { $0 + (storage.contents(of: $1)?.count ?? 0) }
    }
}

extension Vote {
    init(_ state: ReplicaState) {
        self.init(term: state.term, candidate: NodeID(state.vote))
    }
}
