import Glibc
import Synchronization
import Testing
import ThalwegCluster
import ThalwegLog
import ThalwegModel

/// Nodes in one process, with threads, over disks in memory.
private final class LocalCluster: Sendable {
    /// What one node was told.
    struct Told {
        var payloads: [[UInt8]] = []
        var lastIndex: UInt64 = 0
        var term: UInt64?
        var failure: ThalwegError?
        var wantsSnapshot = false
        var isDiskFull = false
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

@Suite("The replicated log", .serialized, .enabled(if: ConsensusCore.isAvailable))
struct ReplicatedLogTests {
    private static func expected(_ count: Int) -> [[UInt8]] {
        (0..<count).map { Array("entry \($0)".utf8) }
    }

    @Test(arguments: [1, 3])
    func everybodyIsToldTheSameInOrder(count: Int) throws {
        let cluster = try LocalCluster(count)
        defer { cluster.stop() }
        let leader = try cluster.leader()
        try cluster.append(leader, 0..<500)
        for node in cluster.all {
            _ = try cluster.eventually("all of it") { node.payloads.count == 500 ? true : nil }
            #expect(node.payloads == Self.expected(500))
        }
        #expect(leader.log.statistics.entries == 500)
        #expect(leader.log.statistics.groups < 500, "entries share syncs")
        for node in cluster.all {
            let syncs = try cluster.eventually("synchronisations") {
                node.log.statistics.syncs > 0 ? node.log.statistics.syncs : nil
            }
            #expect(syncs < 500, "entries share syncs")
            #expect(node.log.statistics.segments == 1)
        }
    }

    @Test func anotherLeadsWhenTheLeaderIsCutOffAndNothingIsLost() throws {
        let cluster = try LocalCluster(3)
        defer { cluster.stop() }
        let old = try cluster.leader()
        try cluster.append(old, 0..<50)
        _ = try cluster.eventually("committed") { old.payloads.count == 50 ? true : nil }
        cluster.network.isolate(old.id)
        let new = try cluster.leader(besides: old.id)
        #expect(new.payloads == Self.expected(50))
        try cluster.append(new, 50..<60)
        _ = try cluster.eventually("the old one follows") { old.term == nil ? true : nil }
        #expect(throws: ThalwegError.self) { try old.log.append(tag: 1, payload: [1]) }
        cluster.network.isolate(old.id, false)
        _ = try cluster.eventually("the old one has all") {
            old.payloads.count == 60 ? true : nil
        }
        #expect(old.payloads == Self.expected(60))
    }

    @Test func anAppendOfAnEarlierLeadershipIsRefused() throws {
        let cluster = try LocalCluster(1)
        defer { cluster.stop() }
        let leader = try cluster.leader()
        let term = try #require(leader.term)
        #expect(throws: ThalwegError.self) {
            try leader.log.append(tag: 1, payload: [1], term: term - 1)
        }
    }

    @Test func aNewNodeGetsASnapshotAndThenVotes() throws {
        let cluster = try LocalCluster(1)
        defer { cluster.stop() }
        let leader = try cluster.leader()
        try cluster.append(leader, 0..<200)
        _ = try cluster.eventually("committed") { leader.payloads.count == 200 ? true : nil }
        try cluster.takeSnapshot(leader)
        let id = NodeID(9)
        let node = try cluster.start(id, isFounder: false)
        try cluster.change { leader.log.add(Member(id, address: "node9"), $0) }
        _ = try cluster.eventually("caught up") { node.payloads.count >= 200 ? true : nil }
        #expect(Array(node.payloads.prefix(200)) == Self.expected(200))
        try cluster.change { leader.log.promote(id, $0) }
        try cluster.change { leader.log.transfer(to: id, $0) }
        _ = try cluster.eventually("the new one leads") { node.term }
        try cluster.change { node.log.remove(leader.id, $0) }
        _ = try cluster.eventually("one is left") {
            node.log.membership.members.map(\.id) == [id] ? true : nil
        }
    }

    @Test func aLeaderWithoutRoomGivesWayAndTheOthersGoOn() throws {
        let cluster = try LocalCluster(3)
        defer { cluster.stop() }
        let old = try cluster.leader()
        try cluster.append(old, 0..<20)
        _ = try cluster.eventually("committed") { old.payloads.count == 20 ? true : nil }
        cluster.setRoom(old.id, 0)
        // The others commit it, and the one that leads cannot know that it has it itself.
        try cluster.append(old, 20..<21)
        let new = try cluster.leader(besides: old.id)
        #expect(old.isDiskFull && old.log.progress.isDiskFull)
        try cluster.append(new, 21..<30)
        _ = try cluster.eventually("committed") { new.payloads.count == 30 ? true : nil }
        #expect(old.payloads == Self.expected(20))
        cluster.setRoom(old.id, nil)
        _ = try cluster.eventually("all of it") { old.payloads.count == 30 ? true : nil }
        #expect(old.payloads == Self.expected(30) && new.payloads == Self.expected(30))
        #expect(!old.isDiskFull)
    }

    @Test func withoutRoomAnywhereNothingIsCommittedAndWritesGoOnWhenThereIs() throws {
        let cluster = try LocalCluster(3)
        defer { cluster.stop() }
        let leader = try cluster.leader()
        for node in cluster.all { cluster.setRoom(node.id, 0) }
        _ = try leader.log.append(tag: 1, payload: [1])
        _ = try cluster.eventually("every disk is full") {
            cluster.all.allSatisfy(\.isDiskFull) ? true : nil
        }
        #expect(cluster.all.allSatisfy { $0.payloads.isEmpty })
        for node in cluster.all { cluster.setRoom(node.id, nil) }
        _ = try cluster.eventually("a write is committed") {
            for node in cluster.all {
                do throws(ThalwegError) {
                    _ = try node.log.append(tag: 1, payload: [2])
                } catch {
                    guard [.diskFull, .notLeader].contains(error.code) else { throw error }
                }
            }
            return cluster.all.allSatisfy { $0.payloads.contains([2]) } ? true : nil
        }
        for node in cluster.all { #expect(!node.isDiskFull) }
    }

    @Test func aRestartGoesOnWhereItWas() throws {
        let cluster = try LocalCluster(1)
        let leader = try cluster.leader()
        try cluster.append(leader, 0..<30)
        _ = try cluster.eventually("committed") { leader.payloads.count == 30 ? true : nil }
        cluster.stop()
        let again = try cluster.start(NodeID(1))
        defer { cluster.stop() }
        _ = try cluster.eventually("given out again") {
            again.payloads.count == 30 ? true : nil
        }
        #expect(again.payloads == Self.expected(30))
    }
}

extension LocalCluster {
    /// Bytes that may still be written to a node's disk; nil for any number.
    func setRoom(_ id: NodeID, _ bytes: Int?) {
        var faults = StorageFaults()
        faults.writableBytes = bytes
        disks.withLock { $0[id] }?.setFaults(faults)
    }

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
