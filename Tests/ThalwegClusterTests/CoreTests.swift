import Testing
import ThalwegLog
import ThalwegModel

@testable import ThalwegCluster

@Suite("The core alone", .enabled(if: ConsensusCore.isAvailable))
struct CoreTests {
    @Test(arguments: [1, 2, 3, 5, 7])
    func aQuietClusterCommitsEverything(count: Int) throws {
        let net = try CoreNet(seed: 1, founders: count)
        net.lossPercent = 0
        for _ in 0..<1_000 { net.tick() }
        for _ in 0..<100 {
            net.submit()
            net.tick()
        }
        for _ in 0..<500 { net.tick() }
        #expect(net.failures == [])
        #expect(net.history.values.filter { $0.kind == .command }.count == 100)
        for node in net.nodes { #expect(node.applied == net.nodes[0].applied) }
    }

    /// The node has a snapshot up to 40, entries 41 to 43 behind it, and a leader that asks it to take
    /// one up to `index`, late or once more.
    @Test(arguments: [(30, 30), (40, 40), (42, 42)])
    func whoHasASnapshotAlreadySaysSoAndNothingMore(index: UInt64, told: UInt64) throws {
        let members = Membership((1...3).map { Member(NodeID($0), address: "node\($0)") })
        func point(_ index: UInt64) -> SnapshotPoint {
            SnapshotPoint(index: index, term: 2, membershipIndex: 1, membership: members)
        }
        let core = try ConsensusCore(
            id: NodeID(2),
            recovered: .init(
                vote: Vote(term: 2), snapshot: point(40),
                entries: Array(repeating: .init(term: 2, kind: .command), count: 3)),
            options: ConsensusOptions(), time: 0)
        // The first is of a newer term than this node knew.
        for term in [UInt64(3), 3] {
            let outputs = try core.step(
                .received(.install(point(index), term: term), from: NodeID(1)), time: 1)
            #expect(outputs.install == nil)
            guard case .appendResult(let result)? = outputs.messages.last?.message else {
                Issue.record("no answer")
                continue
            }
            #expect(result.rejectedIndex == 0 && result.lastIndex == told)
        }
        // A leader of the past hears of the term.
        let old = try core.step(
            .received(.install(point(index), term: 1), from: NodeID(3)), time: 1)
        guard case .appendResult(let result)? = old.messages.last?.message else {
            Issue.record("no answer")
            return
        }
        #expect(result.term == 3 && result.lastIndex <= 43)
    }

    /// Whatever comes late, of a leader that may be elected again by now: the answer must not count as
    /// entries on this node's disk.
    @Test func aFormerLeaderIsToldTheTermAndNothingOfTheLog() throws {
        let members = Membership((1...3).map { Member(NodeID($0), address: "node\($0)") })
        let core = try ConsensusCore(
            id: NodeID(1),
            recovered: .init(
                vote: Vote(term: 9),
                entries: [.init(term: 1, kind: .membership, payload: members.encoded())]),
            options: ConsensusOptions(), time: 0)
        let point = SnapshotPoint(index: 40, term: 7, membershipIndex: 1, membership: members)
        let append = ConsensusMessage.Append(
            term: 8, previousIndex: 0, previousTerm: 0, commitIndex: 3, count: 0)
        for late in [ConsensusMessage.install(point, term: 8), .append(append)] {
            for _ in 0..<8 {
                let outputs = try core.step(.received(late, from: NodeID(2)), time: 1)
                #expect(outputs.messages.count == 1)
                guard case .appendResult(let result) = outputs.messages.first?.message else {
                    Issue.record("no answer to \(late)")
                    continue
                }
                #expect(result.term == 9 && result.rejectedIndex == 0 && result.lastIndex == 0)
            }
        }
    }

    @Test(arguments: 0..<6)
    func oneHistoryUnderLossCrashesAndChangesOfMembers(seed: UInt64) throws {
        let net = try CoreNet(seed: seed, founders: 1 + Int(seed % 5))
        var story = Story(net)
        try story.run(milliseconds: 6_000)
        #expect(net.failures == [])
        #expect(net.history.count > 100, "seed \(seed) got nowhere")
    }

    /// What befalls a net, from its own seed.
    private struct Story {
        let net: CoreNet
        var random: SeededGenerator
        var down: [(node: CoreNet.Node, until: UInt64)] = []
        var nextID: UInt64 = 100

        init(_ net: CoreNet) {
            self.net = net
            random = SeededGenerator(seed: net.seed &* 77 &+ 5)
        }

        mutating func run(milliseconds: UInt64) throws {
            net.lossPercent = Int.random(in: 0...10, using: &random)
            net.maximumDelay = .random(in: 2...60, using: &random)
            while net.time < milliseconds {
                if Int.random(in: 0..<4, using: &random) == 0 { net.submit() }
                try mishap()
                net.tick()
                for position in down.indices.reversed() where down[position].until <= net.time {
                    try net.start(down.remove(at: position).node)
                }
            }
            // Calm: what a majority can do must be done.
            net.cut = []
            net.lossPercent = 0
            for (node, _) in down { try net.start(node) }
            let before = net.history.count
            for _ in 0..<3_000 {
                if Int.random(in: 0..<4, using: &random) == 0 { net.submit() }
                net.tick()
            }
            if net.history.count < before + 100 { net.fail("no progress in the calm") }
        }

        private mutating func mishap() throws {
            switch Int.random(in: 0..<2_000, using: &random) {
            case 0, 1:
                guard let node = net.nodes.randomElement(using: &random), node.core != nil else {
                    return
                }
                net.crash(node)
                down.append((node, net.time + .random(in: 0...800, using: &random)))
            case 2:
                guard let one = net.nodes.randomElement(using: &random) else { return }
                for other in net.nodes where other.id != one.id {
                    net.cut.insert([one.id, other.id])
                    if Bool.random(using: &random) { net.cut.insert([other.id, one.id]) }
                }
            case 3, 4:
                net.cut = []
            case 5:
                guard let leader = net.leader else { return }
                net.step(leader, .transfer(to: .none))
            case 6, 7, 8:
                change()
            default:
                break
            }
        }

        private mutating func change() {
            guard let leader = net.leader, let core = leader.core else { return }
            let members = core.membership
            let next: Membership?
            if let learner = members.members.first(where: { $0.role == .learner }) {
                next = try? members.changing(learner.id, to: .voter)
            } else if members.voters.count > 1, Bool.random(using: &random) {
                next = members.voters.randomElement(using: &random).flatMap {
                    try? members.removing($0)
                }
            } else if members.voters.count < 5 {
                nextID += 1
                let node = CoreNet.Node(NodeID(nextID))
                net.nodes.append(node)
                guard (try? net.start(node)) != nil else { return net.fail("no new node") }
                next = try? members.adding(
                    Member(node.id, address: "node\(nextID)", role: .learner))
            } else {
                next = nil
            }
            if let next { net.step(leader, .change(next)) }
        }
    }
}
