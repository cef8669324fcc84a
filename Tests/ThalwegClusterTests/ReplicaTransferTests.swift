import Testing
import ThalwegLog
import ThalwegModel

@testable import ThalwegCluster

/// A snapshot on its way from a leader to a learner, message by message.
@Suite(.enabled(if: ConsensusCore.isAvailable))
struct ReplicaTransferTests {
    private final class Node {
        let replica: Replica
        private let log: ReplicaLog
        private let worker: DiskWorker
        private(set) var restored: UInt64 = 0

        init(_ id: UInt64, founders: Membership?) throws {
            var options = ReplicaOptions()
            options.trailingEntries = 1
            options.trailingBytes = 1
            options.pieceMilliseconds = 300
            var logOptions = LogOptions()
            logOptions.segmentBytes = 1 << 20
            let opened = try ReplicaLog.open(
                storage: FaultyStorage(seed: id), options: logOptions, newNode: id)
            log = opened.log
            replica = try Replica(opened, founders: founders, options: options, time: 0)
            worker = DiskWorker(opened.log)
        }

        func settle(_ time: UInt64) throws {
            repeat {
                while let job = replica.takeJob() {
                    try worker.run(job)
                    try replica.jobEnded(nil, time)
                }
                let events = replica.events
                replica.events = []
                for case .restored(let index) in events {
                    restored = index
                    try replica.hasRestored(time)
                }
            } while !replica.events.isEmpty
        }

        /// Makes a state durable as this node's snapshot of the last entry.
        func takeSnapshot(_ state: [UInt8]) throws {
            let index = replica.deliveredIndex
            let point = try #require(replica.snapshotPoint(at: index))
            let file = try log.beginIncoming(at: index, place: SnapshotPlace(point))
            try file.append(state)
            try file.finish()
            try replica.tookSnapshot(point)
        }

        func state() throws -> [UInt8] {
            let reader = try #require(try log.snapshotReader())
            var bytes: [UInt8] = []
            while let piece = try reader.next() { bytes += piece }
            return bytes
        }
    }

    /// A pair in a time of its own.
    private final class Pair {
        let leader: Node
        let learner: Node
        private(set) var time: UInt64 = 0
        var isCut = false
        /// Where the pieces that were sent begin, in order.
        private(set) var offsets: [UInt64] = []
        private(set) var largestPiece = 0

        init(state: [UInt8]) throws {
            leader = try Node(1, founders: Membership([Member(NodeID(1), address: "node1")]))
            learner = try Node(2, founders: nil)
            while !leader.replica.leads { try pass() }
            for number in 0..<50 as Range<UInt8> {
                try leader.replica.propose([.init(tag: 1, payload: [number])], time)
                try leader.settle(time)
            }
            try leader.takeSnapshot(state)
            try leader.settle(time)
            let members = try leader.replica.core.membership.adding(
                Member(NodeID(2), address: "node2", role: .learner))
            try leader.replica.change(.change(members), time)
        }

        /// Ten milliseconds, and whatever is sent in them arrives.
        func pass() throws {
            time += 10
            for (node, other) in [(leader, learner), (learner, leader)] {
                try node.replica.tick(time)
                try node.settle(time)
                let letters = node.replica.outbox
                node.replica.outbox = []
                for (_, message) in letters {
                    if case .piece(let piece) = message {
                        offsets.append(piece.offset)
                        largestPiece = max(largestPiece, piece.bytes.count)
                    }
                    if isCut { continue }
                    try other.replica.receive(message, from: node.replica.id, time)
                    try other.settle(time)
                }
            }
        }
    }

    @Test("it goes on where it was when the connection was lost, a piece at a time")
    func resumption() throws {
        var random = SeededGenerator(seed: 9)
        let state = (0..<(4 << 20) / 8).flatMap { _ in
            withUnsafeBytes(of: random.next()) { Array($0) }
        }
        let pair = try Pair(state: state)
        var taken: UInt64 = 0
        var cuts = 0
        while pair.learner.restored == 0 {
            try pair.pass()
            let now = pair.learner.replica.incoming?.taken ?? 0
            if pair.learner.restored == 0 {
                #expect(now >= taken, "nothing that came is fetched again")
            }
            // After each piece but the last the connection is lost for a second.
            if now > taken, now < UInt64(state.count) {
                cuts += 1
                pair.isCut = true
                for _ in 0..<100 { try pair.pass() }
                pair.isCut = false
            }
            taken = max(taken, now)
            try #require(pair.time < 60_000)
        }
        #expect(cuts >= 3)
        #expect(pair.largestPiece <= 1 << 20)
        #expect(try pair.learner.state() == state)
        #expect(pair.learner.replica.deliveredIndex >= pair.learner.restored)
    }
}
