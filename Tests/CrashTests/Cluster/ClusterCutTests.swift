import Testing
import ThalwegClient
import ThalwegCluster
import ThalwegLog
import ThalwegModel

/// Processes that do not hear one another any more, in one direction or both, while clients reach all
/// of them: connections that end, and connections that fall silent.
@Suite(
    "A cluster whose network is cut", .serialized,
    .enabled(if: ConsensusCore.isAvailable, "run scripts/get-raft.sh"))
struct ClusterCutTests {
    private static var shape: NodeCluster.Shape {
        var shape = NodeCluster.Shape()
        shape.isCuttable = true
        return shape
    }

    @Test("a leader in the minority gives way", arguments: [PeerProxy.Way.cut, .silent])
    func theLeaderIsCutOff(way: PeerProxy.Way) async throws {
        try await NodeCluster.run(Self.shape) { cluster in
            let proxy = try #require(cluster.proxy)
            try await FaultLoad.run(cluster) { load in
                for _ in 0..<2 {
                    let leader = try await cluster.leader()
                    proxy.isolate(leader, way)
                    _ = try await cluster.leader(besides: [leader])
                    try await load.progress()
                    proxy.heal()
                    try await cluster.awaitWhole()
                }
            }
        }
    }

    @Test("a node that is not heard, or hears nobody, holds up nobody for long")
    func oneWay() async throws {
        try await NodeCluster.run(Self.shape) { cluster in
            let proxy = try #require(cluster.proxy)
            try await FaultLoad.run(cluster) { load in
                // A follower that does not hear its leader, and is heard by all.
                var leader = try await cluster.leader()
                let follower = (leader + 1) % cluster.shape.nodes
                proxy.set(.silent, from: leader, to: follower)
                try await load.progress()
                proxy.heal()
                try await cluster.awaitWhole()
                // A leader that is heard and hears nobody: nothing that it sends is ever answered.
                leader = try await cluster.leader()
                proxy.deafen(leader, .silent)
                _ = try await cluster.leader(besides: [leader])
                try await load.progress()
                proxy.heal()
                try await cluster.awaitWhole()
                // A leader that hears and is not heard.
                leader = try await cluster.leader()
                proxy.mute(leader, .cut)
                _ = try await cluster.leader(besides: [leader])
                try await load.progress()
                proxy.heal()
                try await cluster.awaitWhole()
            }
        }
    }

    @Test("while no two nodes hear one another nothing is committed, and afterwards all goes on")
    func noMajority() async throws {
        try await NodeCluster.run(Self.shape) { cluster in
            let proxy = try #require(cluster.proxy)
            try await FaultLoad.run(cluster) { load in
                for number in cluster.numbers { proxy.isolate(number, .cut) }
                _ = try await eventually("nobody leads any more") {
                    for number in cluster.numbers {
                        guard let info = await cluster.info(number), info.role != .leader else {
                            return nil as Bool?
                        }
                    }
                    return true
                }
                let before = load.counts()
                // Each node is asked once more: it has had its time to do something wrong.
                for address in cluster.addresses {
                    let reader = try await ClusterFaultTests.client(address, .readOnly)
                    let status = try await reader.status()
                    #expect(status.counters.contains { $0.name == "leads" && $0.value == 0 })
                    try await reader.close()
                }
                #expect(load.counts() == before)
            }
        }
    }

    @Test("ways that come and go lose nothing")
    func flapping() async throws {
        let seed = CrashRun.configuredSeed
        let flaps = max(20, CrashRun.configuredRounds)
        print("cluster flapping seed \(seed), \(flaps) flaps")
        var random = SeededGenerator(seed: seed)
        try await NodeCluster.run(Self.shape) { cluster in
            let proxy = try #require(cluster.proxy)
            try await FaultLoad.run(cluster) { load in
                for flap in 1...flaps {
                    let ends = cluster.numbers.shuffled(using: &random)
                    let way = PeerProxy.Way.allCases.randomElement(using: &random) ?? .cut
                    proxy.set(way, from: ends[0], to: ends[1])
                    // How long a way stays as it is, is what is random here.
                    try await Task.sleep(for: .milliseconds(.random(in: 0...80, using: &random)))
                    if flap % 10 == 0 {
                        proxy.heal()
                        try await load.progress()
                    }
                }
            }
        }
    }
}
