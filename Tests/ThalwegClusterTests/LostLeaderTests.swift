import Testing
import ThalwegLog
import ThalwegModel

@testable import ThalwegCluster

/// Voters whose connections end, message by message, in a time of their own.
@Suite(.enabled(if: ConsensusCore.isAvailable))
struct LostLeaderTests {
    private final class Voters {
        let replicas: [Replica]
        private let workers: [DiskWorker]
        private(set) var time: UInt64 = 0
        /// Nobody hears or tells them anything.
        var gone: Set<NodeID> = []
        /// What the disk was given stays on its way.
        var slowDisks: Set<NodeID> = []
        private(set) var leaderships: [(NodeID, at: UInt64)] = []

        /// With a leader that has written something.
        init(_ count: Int) throws {
            let founders = Membership(
                (1...count).map { Member(NodeID(UInt64($0)), address: "node\($0)") })
            var replicas: [Replica] = []
            var workers: [DiskWorker] = []
            for member in founders.members {
                var options = ReplicaOptions()
                options.consensus.seed = UInt32(member.id.rawValue)
                var log = LogOptions()
                log.segmentBytes = 1 << 20
                let opened = try ReplicaLog.open(
                    storage: FaultyStorage(seed: 1), options: log, newNode: member.id.rawValue)
                replicas.append(
                    try Replica(opened, founders: founders, options: options, time: 0))
                workers.append(DiskWorker(opened.log))
            }
            (self.replicas, self.workers) = (replicas, workers)
            while leader == nil { try pass(1) }
            try leader?.propose([.init(tag: 1, payload: [1])], time)
            try pass(200)
        }

        var leader: Replica? { replicas.first { $0.leads && !gone.contains($0.id) } }

        func followers(of leader: Replica) -> [Replica] { replicas.filter { $0 !== leader } }

        /// What is sent arrives within a millisecond.
        func pass(_ milliseconds: Int) throws {
            for _ in 0..<milliseconds {
                time += 1
                for (replica, worker) in zip(replicas, workers) where !gone.contains(replica.id) {
                    if replica.deadline <= time { try replica.tick(time) }
                    if !slowDisks.contains(replica.id), let job = replica.takeJob() {
                        try worker.run(job)
                        try replica.jobEnded(nil, time)
                    }
                    for case .leads in replica.events { leaderships.append((replica.id, time)) }
                    replica.events = []
                    let letters = replica.outbox
                    replica.outbox = []
                    for (to, message) in letters where !gone.contains(to) {
                        let other = try #require(replicas.first { $0.id == to })
                        try other.receive(message, from: replica.id, time)
                    }
                }
            }
        }
    }

    @Test("a leader whose process ends is replaced within three heartbeats", arguments: 3...7)
    func gone(count: Int) throws {
        let voters = try Voters(count)
        let leader = try #require(voters.leader)
        let term = leader.core.term
        voters.gone = [leader.id]
        let end = voters.time
        for other in voters.followers(of: leader) { try other.lost(leader.id, voters.time) }
        try voters.pass(300)
        let next = try #require(voters.leaderships.last)
        #expect(next.0 == voters.followers(of: leader).map(\.id).min())
        #expect(next.at > end + 200, "a leader that lives has two heartbeats")
        #expect(next.at < end + 300)
        #expect(voters.leader?.core.term == term + 1, "nobody else stood")
    }

    /// The first whose turn it is cannot: the second does, half a heartbeat later.
    @Test("one that is gone as well, or lacks an entry, is passed over", arguments: [true, false])
    func passedOver(isGone: Bool) throws {
        let voters = try Voters(5)
        let leader = try #require(voters.leader)
        let first = try #require(voters.followers(of: leader).first)
        if isGone {
            voters.gone = [first.id]
        } else {
            // Its disk never has what the others commit.
            voters.slowDisks = [first.id]
            try leader.propose([.init(tag: 1, payload: [2])], voters.time)
            try voters.pass(3)
        }
        voters.gone.insert(leader.id)
        let end = voters.time
        for other in voters.followers(of: leader) { try other.lost(leader.id, voters.time) }
        try voters.pass(400)
        let next = try #require(voters.leaderships.last)
        #expect(next.0 == voters.followers(of: leader)[1].id)
        #expect((250..<300).contains(next.at - end), "\(next.at - end)")
    }

    @Test("a leader that is heard by the others stays, whoever lost it")
    func oneConnection() throws {
        let voters = try Voters(3)
        let leader = try #require(voters.leader)
        let term = leader.core.term
        let alone = try #require(voters.followers(of: leader).first)
        // It hears nothing any more, and asks the other again and again.
        voters.gone = [alone.id]
        try alone.lost(leader.id, voters.time)
        for _ in 0..<300 {
            try voters.pass(10)
            if alone.deadline <= voters.time { try alone.tick(voters.time) }
            let letters = alone.outbox
            alone.outbox = []
            for (to, message) in letters where to != leader.id {
                let other = try #require(voters.replicas.first { $0.id == to })
                try other.receive(message, from: alone.id, voters.time)
            }
        }
        #expect(alone.core.role == .candidate)
        #expect(voters.leader === leader && leader.core.term == term)
        voters.gone = []
        try voters.pass(200)
        #expect(alone.core.leader == leader.id && leader.core.term == term)
    }

    @Test("connections that all break replace nobody if the leader is heard again")
    func allConnections() throws {
        let voters = try Voters(5)
        let leader = try #require(voters.leader)
        let term = leader.core.term
        for _ in 0..<20 {
            for other in voters.followers(of: leader) { try other.lost(leader.id, voters.time) }
            try voters.pass(130)
        }
        #expect(voters.leader === leader && leader.core.term == term)
        #expect(voters.followers(of: leader).allSatisfy { $0.lostLeader == nil })
    }
}
