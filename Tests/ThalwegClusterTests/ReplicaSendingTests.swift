import Testing
import ThalwegLog
import ThalwegModel

@testable import ThalwegCluster

/// A leader of one and a learner that lacks everything, message by message.
@Suite(.enabled(if: ConsensusCore.isAvailable))
struct ReplicaSendingTests {
    private static let learner = NodeID(2)

    private final class Leader {
        let replica: Replica
        let worker: DiskWorker
        var time: UInt64 = 0

        /// Leads, with 200 entries of 10 KB, and has just added the learner.
        init() throws {
            var options = ReplicaOptions()
            options.windowBytes = 64 << 10
            options.messageBytes = 16 << 10
            options.cacheBytes = 32 << 10
            options.resendMilliseconds = 1_000
            var log = LogOptions()
            log.segmentBytes = 1 << 20
            let opened = try ReplicaLog.open(
                storage: FaultyStorage(seed: 1), options: log, newNode: 1)
            let founders = Membership([Member(NodeID(1), address: "node1")])
            replica = try Replica(opened, founders: founders, options: options, time: 0)
            worker = DiskWorker(opened.log)
            try settle()
            while !replica.leads { try pass(100) }
            for number in 0..<200 {
                let payload = [UInt8](repeating: UInt8(number), count: 10_000)
                try replica.propose([.init(tag: 1, payload: payload)], time)
                try settle()
            }
            let members = try replica.core.membership.adding(
                Member(learner, address: "node2", role: .learner))
            try replica.change(.change(members), time)
            try settle()
        }

        func pass(_ milliseconds: UInt64) throws {
            time += milliseconds
            try replica.tick(time)
            try settle()
        }

        private func settle() throws {
            while let job = replica.takeJob() {
                try worker.run(job)
                try replica.jobEnded(nil, time)
            }
            replica.events = []
        }

        /// What was sent to the learner since it was asked last.
        func sent() -> [ConsensusMessage.Append] {
            defer { replica.outbox = [] }
            return replica.outbox.compactMap { letter in
                guard case .consensus(.append(let append)) = letter.message else { return nil }
                return append
            }
        }

        func answer(rejected: UInt64 = 0, last: UInt64) throws {
            let result = ConsensusMessage.AppendResult(
                term: replica.core.term, rejectedIndex: rejected, lastIndex: last, capacity: 60_000)
            try replica.receive(.consensus(.appendResult(result)), from: learner, time)
            try settle()
        }
    }

    private static func bytes(_ messages: [ConsensusMessage.Append]) -> Int {
        messages.flatMap(\.entries).reduce(0) { $0 + $1.payload.count }
    }

    /// The learner says that it has nothing, and the log's beginning is on its way.
    private func begun() throws -> (leader: Leader, first: [ConsensusMessage.Append]) {
        let leader = try Leader()
        let probe = try #require(leader.sent().last)
        try leader.answer(rejected: probe.previousIndex + UInt64(probe.count), last: 0)
        if leader.replica.outbox.isEmpty {
            try leader.answer(rejected: probe.previousIndex, last: 0)
        }
        return (leader, leader.sent())
    }

    @Test("a follower that is far behind gets a window at a time, and everything in the end")
    func windows() throws {
        let (leader, first) = try begun()
        let limit = leader.replica.options.windowBytes + leader.replica.options.messageBytes
        var (messages, has): ([ConsensusMessage.Append], UInt64) = (first, 0)
        var turns = 0
        while has < leader.replica.core.lastIndex {
            #expect(Self.bytes(messages) <= limit)
            let next = try #require(messages.first { $0.previousIndex == has && $0.count > 0 })
            has += UInt64(next.count)
            messages.removeAll { $0.previousIndex < has }
            try leader.answer(last: has)
            messages += leader.sent()
            turns += 1
            try #require(turns < 1_000)
        }
        #expect(turns > 20)
    }

    @Test("while it is silent nothing is read or sent twice, and after a while again")
    func silence() throws {
        let (leader, first) = try begun()
        #expect(Self.bytes(first) > 32 << 10)
        for _ in 0..<9 { try leader.pass(100) }
        let meanwhile = leader.sent()
        #expect(Self.bytes(meanwhile) == 0)
        #expect(meanwhile.count > 3, "it is heard of all the same")
        for _ in 0..<5 { try leader.pass(100) }
        #expect(Self.bytes(leader.sent()) == Self.bytes(first))
    }

    /// It gets entries and writes them, and answers none of them for long. New ones come all the while,
    /// which the core takes for heartbeats.
    @Test("a follower with a slow disk is asked for a sign of life that needs no disk")
    func slowDisk() throws {
        let (leader, first) = try begun()
        try leader.answer(last: UInt64(first[0].count))
        _ = leader.sent()
        var beats = 0
        for _ in 0..<100 {
            leader.time += 10
            try leader.replica.propose([.init(tag: 1, payload: [1])], leader.time)
            try leader.pass(0)
            beats += leader.sent().filter { $0.count == 0 }.count
        }
        #expect((8...12).contains(beats), "ten in a second")
    }

    @Test("what was lost on the way is sent again as soon as the follower misses it")
    func loss() throws {
        let (leader, first) = try begun()
        try leader.answer(last: first[0].previousIndex + UInt64(first[0].count))
        let has = UInt64(first[0].count)
        _ = leader.sent()
        // Nothing more arrived: the next heartbeat is behind what was sent, and is refused.
        try leader.pass(100)
        let heartbeat = try #require(leader.sent().last)
        #expect(heartbeat.count == 0 && heartbeat.previousIndex > has)
        try leader.answer(rejected: heartbeat.previousIndex, last: has)
        #expect(leader.sent().first?.previousIndex == has)
    }
}
