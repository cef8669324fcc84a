import Glibc
import Synchronization
import Testing
import ThalwegCluster
import ThalwegLog
import ThalwegModel

/// Nodes in one process, with threads, over disks in memory.
final class LocalCluster: Sendable {
    /// What one node was told.
    struct Told {
        var payloads: [[UInt8]] = []
        var lastIndex: UInt64 = 0
        var term: UInt64?
        var failure: ThalwegError?
        var wantsSnapshot = false
        var isDiskFull = false
        /// A snapshot that came is not loaded until this is false.
        var mayNotRestore = false
        var isRestoring = false
    }

    final class Node: Sendable {
        let id: NodeID
        let log: ReplicatedLog
        let told = Monitor(Told())

        init(_ id: NodeID, _ log: ReplicatedLog) {
            self.id = id
            self.log = log
        }

        func start() {
            var receiver = ReplicatedLogReceiver()
            receiver.committed = { [self] entries in
                if let last = entries.last { takeSnapshotIfWanted(at: last.index) }
                told.change { told in
                    for entry in entries {
                        if entry.index <= told.lastIndex {
                            Issue.record("entry \(entry.index) again")
                        }
                        told.lastIndex = entry.index
                        told.payloads.append(entry.payload)
                    }
                }
            }
            receiver.leads = { [self] term in told.withLock { $0.term = term } }
            receiver.follows = { [self] in told.withLock { $0.term = nil } }
            receiver.restored = { [self] reader throws(ThalwegError) in
                var bytes: [UInt8] = []
                while let block = try reader.next() { bytes += block }
                told.change { $0.isRestoring = true }
                told.wait { $0.mayNotRestore ? nil : () }
                let payloads = bytes.split(separator: 10).map { Array($0) }
                told.withLock { $0.payloads = payloads }
            }
            receiver.diskFull = { [self] isFull in told.withLock { $0.isDiskFull = isFull } }
            receiver.failed = { [self] error in told.withLock { $0.failure = error } }
            log.start(receiver)
        }

        /// Right behind a batch, as a node does it; the state is all payloads, a line each.
        private func takeSnapshotIfWanted(at index: UInt64) {
            guard told.withLock({ $0.wantsSnapshot }),
                let last = told.withLock({ $0.lastIndex == 0 ? nil : $0.lastIndex })
            else { return }
            do throws(ThalwegError) {
                let writer = try log.snapshotWriter(at: last)
                for payload in payloads { try writer.append(payload + [10]) }
                writer.finish { [self] error in
                    told.withLock { told in
                        told.wantsSnapshot = false
                        told.failure = error
                    }
                }
            } catch {
                Issue.record("no snapshot at \(last) before \(index): \(error)")
            }
        }

        var payloads: [[UInt8]] { told.withLock { $0.payloads } }
        var term: UInt64? { told.withLock { $0.term } }
        var isDiskFull: Bool { told.withLock { $0.isDiskFull } }
    }

    let network = LoopbackNetwork()
    let members: Membership
    let nodes: Mutex<[NodeID: Node]> = Mutex([:])
    let disks: Mutex<[NodeID: FaultyStorage]> = Mutex([:])
    let reluctant: Mutex<Set<NodeID>> = Mutex([])

    init(_ count: Int) throws {
        members = Membership(
            (1...count).map { Member(NodeID(UInt64($0)), address: "node\($0)") })
        for member in members.members { try start(member.id) }
    }

    @discardableResult
    func start(_ id: NodeID, isFounder: Bool = true) throws -> Node {
        let disk = disks.withLock { disks in
            let disk = disks[id] ?? FaultyStorage(seed: id.rawValue)
            disks[id] = disk
            return disk
        }
        var options = ReplicatedLogOptions(
            cluster: 5, newNode: id, founders: isFounder ? members : nil)
        options.log.segmentBytes = 64 << 10
        options.replica.consensus.electionMilliseconds = 200
        options.replica.consensus.heartbeatMilliseconds = 40
        options.replica.consensus.seed = UInt32(id.rawValue)
        options.replica.trailingEntries = 20
        options.replica.trailingBytes = 1
        let opened = try ReplicatedLog.open(
            storage: disk, options: options, transport: network.transport(of: id))
        let node = Node(id, opened.log)
        nodes.withLock { $0[id] = node }
        let isReluctant = reluctant.withLock { $0.contains(id) }
        node.told.withLock { $0.mayNotRestore = isReluctant }
        node.start()
        return node
    }

    var all: [Node] { nodes.withLock { $0.values.sorted { $0.id < $1.id } } }

    func stop(_ id: NodeID) {
        nodes.withLock { $0.removeValue(forKey: id) }?.log.stop()
    }

    func stop() { for node in all { stop(node.id) } }

    /// Waits until `condition` gives something; a minute is for ever.
    func eventually<Result>(
        _ what: Comment, _ condition: () throws -> Result?
    ) throws -> Result {
        let clock = ContinuousClock()
        let end = clock.now + .seconds(60)
        while clock.now < end {
            if let result = try condition() { return result }
            pause()
        }
        return try #require(try condition(), what)
    }

    /// Until somebody is told something, or a little later.
    private func pause() {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        let now = UInt64(time.tv_sec) * 1_000 + UInt64(time.tv_nsec) / 1_000_000
        guard let node = all.first else { return }
        let before = node.told.withLock { $0.lastIndex }
        _ = node.told.wait(untilMilliseconds: now + 5) { $0.lastIndex != before ? true : nil }
    }

    func leader(besides other: NodeID? = nil) throws -> Node {
        try eventually("a leader") {
            self.all.first { $0.term != nil && $0.id != other }
        }
    }

    func append(_ node: Node, _ range: Range<Int>) throws {
        let term = node.term
        for number in range {
            _ = try node.log.append(tag: 1, payload: Array("entry \(number)".utf8), term: term)
        }
    }
}

extension LocalCluster {
    /// Bytes that may still be written to a node's disk; nil for any number.
    func setRoom(_ id: NodeID, _ bytes: Int?) {
        var faults = StorageFaults()
        faults.writableBytes = bytes
        disks.withLock { $0[id] }?.setFaults(faults)
    }

    /// Nothing that is on a node's disk may grow.
    func setCapacity(_ id: NodeID, isFull: Bool) {
        guard let disk = disks.withLock({ $0[id] }) else { return }
        var faults = StorageFaults()
        if isFull {
            let names = (try? disk.list()) ?? []
            faults.capacityBytes = names.reduce(0) { $0 + (disk.contents(of: $1)?.count ?? 0) }
        }
        disk.setFaults(faults)
    }

    /// The node's next process waits with what a snapshot brings.
    func mayNotRestore(_ id: NodeID) { reluctant.withLock { _ = $0.insert(id) } }

    func takeSnapshot(_ node: Node) throws {
        node.told.withLock { $0.wantsSnapshot = true }
        _ = try node.log.append(tag: 1, payload: Array("entry 200".utf8))
        _ = try eventually("a snapshot") {
            node.log.statistics.snapshotIndex > 0 ? true : nil
        }
    }

    /// Asks again until the answer is yes: members change when the log allows it.
    func change(_ ask: (@escaping ReplicatedLog.Answer) -> Void) throws {
        _ =
            try eventually("a change") {
                let answer = Monitor<Result<Void, ThalwegError>?>(nil)
                ask { result in answer.change { $0 = result } }
                switch answer.wait({ $0 }) {
                case .success: return true
                case .failure(let error):
                    guard error.code == .membershipBusy else { throw error }
                    return nil
                }
            } as Bool
    }
}
