import Testing
import ThalwegCluster
import ThalwegLog
import ThalwegModel

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

    /// Whoever has everything in memory cannot write that it leads, and nobody else is there.
    @Test func whereNobodyHasRoomToLeadThatIsSaid() throws {
        let cluster = try LocalCluster(3)
        defer { cluster.stop() }
        let old = try cluster.leader()
        for node in cluster.all { cluster.setCapacity(node.id, isFull: true) }
        let payload = [UInt8](repeating: 1, count: 8 << 10)
        for _ in 0..<20 { _ = try old.log.append(tag: 1, payload: payload) }
        _ = try cluster.eventually("every disk is full") {
            cluster.all.allSatisfy(\.isDiskFull) ? true : nil
        }
        // Another one is elected, and has no room to begin.
        cluster.network.isolate(old.id)
        let others = cluster.all.filter { $0.id != old.id }
        let next = try cluster.eventually("one says that there is no room to lead") {
            others.first { $0.log.progress.isRoomless }
        }
        #expect(next.term == nil)
        let error = #expect(throws: ThalwegError.self) {
            try next.log.append(tag: 1, payload: [2])
        }
        #expect(error?.code == .diskFull)
        cluster.network.isolate(old.id, false)
        for node in cluster.all { cluster.setCapacity(node.id, isFull: false) }
        // Who leads first may not lead for long: what it has not committed is void then.
        var asked: (node: NodeID, term: UInt64)?
        _ = try cluster.eventually("a write is committed") { () -> Bool? in
            let leader = try cluster.leader()
            if let term = leader.term, asked?.node != leader.id || asked?.term != term {
                do {
                    _ = try leader.log.append(tag: 1, payload: [3], term: term)
                    asked = (leader.id, term)
                } catch let error as ThalwegError {
                    guard [.notLeader, .diskFull].contains(error.code) else { throw error }
                    return nil
                }
            }
            return cluster.all.allSatisfy { $0.payloads.contains([3]) } ? true : nil
        }
        for node in cluster.all { #expect(!node.log.progress.isRoomless) }
    }

    @Test func aLeaderWithRoomRefusesWhereTheOthersHaveNone() throws {
        let cluster = try LocalCluster(3)
        defer { cluster.stop() }
        let leader = try cluster.leader()
        try cluster.append(leader, 0..<5)
        _ = try cluster.eventually("committed") { leader.payloads.count == 5 ? true : nil }
        for node in cluster.all where node.id != leader.id { cluster.setRoom(node.id, 0) }
        _ = try cluster.eventually("writes are refused") {
            do throws(ThalwegError) {
                _ = try leader.log.append(tag: 1, payload: [9])
                return nil as Bool?
            } catch {
                guard error.code == .diskFull else { throw error }
                return true
            }
        }
        for node in cluster.all { cluster.setRoom(node.id, nil) }
        _ = try cluster.eventually("writes are taken again") {
            do throws(ThalwegError) {
                _ = try leader.log.append(tag: 1, payload: [10])
                return true as Bool?
            } catch {
                guard error.code == .diskFull else { throw error }
                return nil
            }
        }
        _ = try cluster.eventually("all of it") {
            cluster.all.allSatisfy { $0.payloads.last == [10] } ? true : nil
        }
    }

    /// Loading a state may take longer than an election. One of the two that are left does, and the
    /// other one leads on: it is heard, and what it sends is written.
    @Test func aNodeThatRestoresASnapshotIsHeardOfMeanwhile() throws {
        let cluster = try LocalCluster(3)
        defer { cluster.stop() }
        let leader = try cluster.leader()
        let others = cluster.all.map(\.id).filter { $0 != leader.id }
        cluster.stop(others[0])
        try cluster.append(leader, 0..<200)
        _ = try cluster.eventually("committed") { leader.payloads.count == 200 ? true : nil }
        try cluster.takeSnapshot(leader)
        cluster.mayNotRestore(others[0])
        let late = try cluster.start(others[0])
        _ = try cluster.eventually("a snapshot came") {
            late.told.withLock { $0.isRestoring } ? true : nil
        }
        let term = try #require(leader.term)
        cluster.stop(others[1])
        let clock = ContinuousClock()
        // Ten election timeouts.
        let end = clock.now + .milliseconds(2_000)
        var number = 201
        _ = try cluster.eventually("much time has passed") {
            try cluster.append(leader, number..<number + 1)
            number += 1
            return clock.now > end ? true : nil
        }
        #expect(leader.term == term)
        _ = try cluster.eventually("two nodes committed all of it") {
            leader.payloads.count == number ? true : nil
        }
        #expect(late.payloads.isEmpty)
        late.told.change { $0.mayNotRestore = false }
        _ = try cluster.eventually("it has everything") {
            late.payloads.count == number ? true : nil
        }
        #expect(late.payloads == leader.payloads)
        #expect(leader.term == term)
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
