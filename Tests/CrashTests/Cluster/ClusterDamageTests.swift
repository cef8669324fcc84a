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
