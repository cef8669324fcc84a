import Foundation
import Testing
import ThalwegClient
import ThalwegCluster
import ThalwegLog
import ThalwegModel

/// A member's data is damaged while it is down: it says so, serves nothing of it, and, if it is told to,
/// comes back as a new member with what the others have.
@Suite(
    "A cluster with a damaged disk", .serialized,
    .enabled(if: ConsensusCore.isAvailable, "run scripts/get-raft.sh"))
struct ClusterDamageTests {
    enum Damage: Sendable, CaseIterable {
        /// A bit in the middle of the log, on a follower.
        case bitOfAFollower
        /// As above, on the node that led: the others must elect first.
        case bitOfTheLeader
        /// Log and snapshot.
        case bitsOfSnapshotAndLog
        /// What a crash leaves while the data is set aside: the vote is away, the rest is there.
        case lostVote
    }

    @Test(
        "a damaged member names the place, and fetches everything from the others if told to",
        arguments: Damage.allCases)
    func refetch(damage: Damage) async throws {
        try await NodeCluster.run { cluster in
            try await FaultLoad.run(cluster) { load in
                let leader = try await cluster.leader()
                let victim = damage == .bitOfTheLeader ? leader : (leader + 1) % 3
                let data = cluster.data(victim)
                let old = try #require(await cluster.info(victim)).node
                try await load.progress()
                if damage == .bitsOfSnapshotAndLog {
                    let client = try await ClusterFaultTests.client(
                        cluster.addresses[victim], .readOnly)
                    try await client.changeCluster(.snapshot)
                    try await client.close()
                    try await load.progress()
                }
                cluster.crash(victim)
                let said = try Self.inflict(damage, data)

                let error = #expect(throws: ThalwegError.self) { try cluster.start(victim) }
                for word in said + ["--refetch"] {
                    #expect(error?.message.contains(word) == true, "\(error?.message ?? "")")
                }
                try cluster.start(victim, ["--refetch"])
                #expect(try cluster.said(victim).contains("it is set aside"))
                let info = try await cluster.awaitWhole()
                #expect(!info.members.contains { $0.node == old })
                #expect(info.members.contains { $0.clientAddress == cluster.addresses[victim] })
                let aside = "\(data)/damaged-\(String(old, radix: 16))"
                #expect(FileManager.default.fileExists(atPath: "\(aside)/cluster.json"))
                try await load.progress()
                // The same command line does no harm to whole data.
                cluster.stop(victim)
                try cluster.start(victim, ["--refetch"])
                #expect(try await cluster.awaitWhole().members.count == 3)
            }
        }
    }

    /// The others' logs begin long after the first entry, so that the state itself must travel.
    @Test("a damaged member that needs a snapshot of the others gets one, under load")
    func refetchBySnapshot() async throws {
        var shape = NodeCluster.Shape()
        shape.arguments = ["--snapshot-after-bytes", "65536", "--log-level", "info"]
        shape.wrapper = { _, _ in
            [
                "/usr/bin/env", "THALWEG_CLUSTER_KEPT_ENTRIES=100",
                "THALWEG_LOG_SEGMENT_BYTES=262144",
            ]
        }
        try await NodeCluster.run(shape) { cluster in
            var options = FaultLoad.Options()
            options.rowBytes = 2_048
            try await FaultLoad.run(cluster, options) { load in
                let leader = try await cluster.leader()
                let victim = (leader + 1) % 3
                cluster.crash(victim)
                _ = try Self.inflict(.lostVote, cluster.data(victim))
                _ = try await eventually("the others' logs begin later") {
                    let kept = try cluster.numbers.filter { $0 != victim }.map { number in
                        try FileManager.default
                            .contentsOfDirectory(atPath: cluster.data(number)).sorted()
                            .first { $0.hasSuffix(".seg") }
                    }
                    let own = try FileManager.default
                        .contentsOfDirectory(atPath: cluster.data(victim)).sorted()
                    let first = own.first { $0.hasSuffix(".seg") } ?? ""
                    return kept.allSatisfy { ($0 ?? "") > first } ? true : nil
                }
                try cluster.start(victim, ["--refetch"])
                _ = try await eventually("the others' state has come") {
                    try cluster.said(victim).contains("another node's snapshot") ? true : nil
                }
                try await cluster.awaitWhole()
                try await load.progress()
            }
        }
    }

    /// Without the damaged one of two voters there is no majority that could let it in again.
    @Test("one of two says that the other cannot help, and what to do")
    func oneOfTwo() async throws {
        var shape = NodeCluster.Shape()
        shape.nodes = 2
        try await NodeCluster.run(shape) { cluster in
            try await FaultLoad.run(cluster) { load in try await load.progress() }
            cluster.crash(1)
            _ = try Self.inflict(.lostVote, cluster.data(1))
            let before = try FileManager.default.contentsOfDirectory(atPath: cluster.data(1))
            let error = #expect(throws: ThalwegError.self) {
                try cluster.start(1, ["--refetch"])
            }
            for word in ["1 of 2 voters", "no majority", "still serves reads"] {
                #expect(error?.message.contains(word) == true, "\(error?.message ?? "")")
            }
            let after = try FileManager.default.contentsOfDirectory(atPath: cluster.data(1))
            #expect(before.sorted() == after.sorted())
            let reader = try await ClusterFaultTests.client(cluster.addresses[0], .readOnly)
            let states = try await reader.topic("states")
            #expect(try await reader.get(states, .u64(0)) != nil)
            try await reader.close()
        }
    }

    @Test("where the others cannot help, nothing is changed")
    func noOthers() async throws {
        try await NodeCluster.run { cluster in
            try await FaultLoad.run(cluster) { load in try await load.progress() }
            for number in cluster.numbers { cluster.crash(number) }
            let data = cluster.data(1)
            _ = try Self.inflict(.bitOfAFollower, data)
            let before = try FileManager.default.contentsOfDirectory(atPath: data).sorted()
            let error = #expect(throws: ThalwegError.self) {
                try cluster.start(1, ["--refetch"])
            }
            #expect(error?.message.contains("the other nodes cannot help") == true)
            #expect(error?.message.contains("is damaged at byte") == true)
            let after = try FileManager.default.contentsOfDirectory(atPath: data).sorted()
            #expect(after == before)
        }
    }

    /// Gives what the node should say of it.
    private static func inflict(_ damage: Damage, _ data: String) throws -> [String] {
        let names = try FileManager.default.contentsOfDirectory(atPath: data).sorted()
        switch damage {
        case .bitOfAFollower, .bitOfTheLeader:
            let log = try #require(names.first { $0.hasSuffix(".seg") })
            try flipBit(inTheMiddleOf: "\(data)/\(log)")
            return [log, "is damaged at byte"]
        case .bitsOfSnapshotAndLog:
            let log = try #require(names.first { $0.hasSuffix(".seg") })
            let snapshot = try #require(names.first { $0.hasSuffix(".snap") })
            try flipBit(inTheMiddleOf: "\(data)/\(log)")
            try flipBit(inTheMiddleOf: "\(data)/\(snapshot)")
            return ["is damaged at byte"]
        case .lostVote:
            for name in names where name.hasPrefix("consensus-") {
                try FileManager.default.removeItem(atPath: "\(data)/\(name)")
            }
            return ["lost its log"]
        }
    }

    /// In the middle of what is written, as far as that is near the start: a segment is allocated ahead.
    private static func flipBit(inTheMiddleOf path: String) throws {
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
        defer { try? file.close() }
        let bytes = try #require(try file.read(upToCount: 64 << 10))
        let used = try #require(bytes.lastIndex { $0 != 0 })
        let place = used / 2
        try file.seek(toOffset: UInt64(place))
        try file.write(contentsOf: Data([bytes[place] ^ 1]))
        try file.synchronize()
    }
}
