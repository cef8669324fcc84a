import Foundation
import Testing
import ThalwegClient
import ThalwegCluster
import ThalwegModel

@testable import ThalwegServer

/// Nodes that were on their way into a cluster when something came between.
@Suite(
    "Joining, interrupted", .serialized, .timeLimit(.minutes(5)),
    .enabled(if: ConsensusCore.isAvailable, "run scripts/get-raft.sh"))
struct JoiningTests {
    private func becomesMember(_ cluster: RealCluster, _ number: Int) async throws {
        _ = try await eventually("the directory says that node \(number) is a member") {
            try ClusterFile.load(from: cluster.directory(number))?.state == .member ? true : nil
        }
    }

    /// What a crash leaves that comes before the last step is noted.
    private func forgetLastStep(
        _ cluster: RealCluster, _ number: Int, _ state: ClusterFile.State
    ) throws {
        let directory = cluster.directory(number)
        var file = try #require(try ClusterFile.load(from: directory))
        file.state = state
        try file.save(to: directory)
    }

    @Test("one that was demoted before it knew that it is a voter stays a learner")
    func demoted() async throws {
        try await withRealCluster { cluster in
            try await cluster.found()
            for number in 2...3 {
                try await cluster.join(number)
                try await becomesMember(cluster, number)
            }
            let leader = try await cluster.settled { $0.members.filter(\.isVoter).count == 3 }
            let victim = leader == 3 ? 2 : 3
            let node = try await cluster.info(victim).node
            await cluster.stop(victim)
            try forgetLastStep(cluster, victim, .catchingUp)
            try await cluster.change(leader, .demote(node: node))
            try await cluster.start(victim)
            try await becomesMember(cluster, victim)
            let info = try await cluster.info(leader)
            #expect(info.members.first { $0.node == node }?.isVoter == false)
            #expect(try ClusterFile.load(from: cluster.directory(victim))?.staysLearner == true)
            // Whoever asks for it in its place is heard.
            try await cluster.change(leader, .promote(node: node))
            _ = try await cluster.settled { $0.members.filter(\.isVoter).count == 3 }
        }
    }

    @Test("a learner may be told to stay one while it catches up")
    func keptBack() async throws {
        try await withRealCluster { cluster in
            try await cluster.found()
            try await cluster.join(2) { $0.cluster.staysLearner = true }
            try await becomesMember(cluster, 2)
            let node = try await cluster.info(2).node
            try await cluster.change(1, .demote(node: node))
            await cluster.stop(2)
            try forgetLastStep(cluster, 2, .catchingUp)
            var file = try #require(try ClusterFile.load(from: cluster.directory(2)))
            file.staysLearner = false
            try file.save(to: cluster.directory(2))
            try await cluster.start(2)
            try await becomesMember(cluster, 2)
            #expect(try await cluster.info(1).members.filter(\.isVoter).count == 1)
        }
    }

    @Test("one that lost its log before it was noted that it was let in is not the same any more")
    func lostLog() async throws {
        try await withRealCluster { cluster in
            try await cluster.found()
            try await cluster.join(2)
            try await becomesMember(cluster, 2)
            await cluster.stop(2)
            try forgetLastStep(cluster, 2, .joining)
            let directory = cluster.directory(2)
            for name in try FileManager.default.contentsOfDirectory(atPath: directory)
            where name != ClusterFile.name {
                try FileManager.default.removeItem(atPath: "\(directory)/\(name)")
            }
            let error = await #expect(throws: ThalwegError.self) { try await cluster.start(2) }
            #expect(error?.code == .logDamaged)
            #expect(error?.message.contains("lost its log") == true)
        }
    }
}
