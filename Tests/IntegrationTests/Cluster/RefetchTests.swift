import Foundation
import Testing
import ThalwegClient
import ThalwegCluster
import ThalwegModel

@testable import ThalwegServer

/// Members whose data is damaged, and who they are afterwards. What becomes of the data under load is
/// asked of processes (`Tests/CrashTests/Cluster/ClusterDamageTests.swift`).
@Suite("A damaged member", .serialized, .timeLimit(.minutes(5)))
struct RefetchTests {
    /// What a node has promised is gone: its log counts for nothing.
    private func damage(_ cluster: RealCluster, _ number: Int) throws {
        let directory = cluster.directory(number)
        for name in try FileManager.default.contentsOfDirectory(atPath: directory)
        where name.hasPrefix("consensus-") {
            try FileManager.default.removeItem(atPath: "\(directory)/\(name)")
        }
    }

    /// Joining has come to its end, as the node itself knows.
    private func becomesMember(_ cluster: RealCluster, _ number: Int) async throws {
        _ = try await eventually("the directory says that node \(number) is a member") {
            try ClusterFile.load(from: cluster.directory(number))?.state == .member ? true : nil
        }
    }

    private func start(_ cluster: RealCluster, _ number: Int) async throws {
        try await cluster.start(
            number, cluster.configuration(number) { $0.cluster.refetches = true })
    }

    @Test("a learner comes back as one, also if it was made one later")
    func learners() async throws {
        try await withRealCluster { cluster in
            try await cluster.found()
            try await cluster.join(2)
            var leader = try await cluster.settled { $0.members.filter(\.isVoter).count == 2 }
            try await becomesMember(cluster, 2)
            let old = try await cluster.info(2).node
            if leader != 1 {
                try await cluster.change(2, .transfer(node: cluster.info(1).node))
                leader = try await cluster.settled { $0.role == .leader && $0.node != old }
            }
            try await cluster.change(leader, .demote(node: old))
            await cluster.stop(2)
            try damage(cluster, 2)
            try await start(cluster, 2)
            let back = try await cluster.settled { info in
                info.members.count == 2 && !info.members.contains { $0.node == old }
            }
            #expect(back == 1)
            try await becomesMember(cluster, 2)
            #expect(try await cluster.info(1).members.filter(\.isVoter).count == 1)
            let file = try #require(try ClusterFile.load(from: cluster.directory(2)))
            #expect(file.replaces.isEmpty && file.staysLearner)
            let aside = "\(cluster.directory(2))/damaged-\(String(old, radix: 16))"
            #expect(try ClusterFile.load(from: aside)?.node.rawValue == old)
        }
    }

    @Test("one that was removed does not come back by itself")
    func removed() async throws {
        try await withRealCluster { cluster in
            try await cluster.found()
            try await cluster.join(2) { $0.cluster.staysLearner = true }
            let leader = try await cluster.settled { $0.members.count == 2 }
            try await becomesMember(cluster, 2)
            let old = try await cluster.info(2).node
            await cluster.stop(2)
            try await cluster.change(leader, .remove(node: old))
            try damage(cluster, 2)
            let error = await #expect(throws: ThalwegError.self) { try await start(cluster, 2) }
            #expect(error?.code == .removedFromCluster)
            #expect(try ClusterFile.load(from: cluster.directory(2))?.node.rawValue == old)
        }
    }

    @Test("without being told to it changes nothing, and says what it could do")
    func untold() async throws {
        try await withRealCluster { cluster in
            try await cluster.found()
            try await cluster.join(2) { $0.cluster.staysLearner = true }
            _ = try await cluster.settled { $0.members.count == 2 }
            try await becomesMember(cluster, 2)
            await cluster.stop(2)
            try damage(cluster, 2)
            let before = try FileManager.default.contentsOfDirectory(atPath: cluster.directory(2))
            let error = await #expect(throws: ThalwegError.self) { try await cluster.start(2) }
            #expect(error?.code == .logDamaged)
            #expect(error?.advice.contains("--refetch") == true)
            let after = try FileManager.default.contentsOfDirectory(atPath: cluster.directory(2))
            #expect(after.sorted() == before.sorted())
        }
    }
}
