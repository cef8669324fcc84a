import Testing
import ThalwegClient
import ThalwegCluster
import ThalwegLog
import ThalwegModel

/// Processes that are killed, stand still or are restarted while clients go on.
///
/// `THALWEG_CRASH_ROUNDS` sets the rounds: half of them are kills here, so that 200 (`make crash`) are
/// a hundred.
@Suite(
    "A cluster of processes", .serialized,
    .enabled(if: ConsensusCore.isAvailable, "run scripts/get-raft.sh"))
struct ClusterFaultTests {
    /// Five nodes in long runs too.
    private static let sizes = CrashRun.configuredRounds >= 200 ? [3, 5] : [3]

    @Test(
        "whoever is killed, whenever: nothing that was answered is lost or there twice",
        arguments: sizes)
    func randomKills(nodes: Int) async throws {
        let seed = CrashRun.configuredSeed
        let kills = max(3, CrashRun.configuredRounds / 2)
        print("cluster crash seed \(seed), \(kills) kills")
        var random = SeededGenerator(seed: seed)
        var shape = NodeCluster.Shape()
        shape.nodes = nodes
        // Snapshots, and logs that are cut behind them, in the middle of it all.
        shape.arguments = ["--snapshot-after-bytes", "65536"]
        try await NodeCluster.run(shape) { cluster in
            try await FaultLoad.run(cluster) { load in
                for kill in 1...kills {
                    // When the kill comes and how long the node is away are what is random here.
                    try await Task.sleep(for: .milliseconds(.random(in: 0...200, using: &random)))
                    let victims = cluster.numbers.shuffled(using: &random)
                        .prefix(Int.random(in: 0..<4, using: &random) == 0 ? 2 : 1)
                    for victim in victims { cluster.crash(victim) }
                    try await Task.sleep(for: .milliseconds(.random(in: 0...100, using: &random)))
                    for victim in victims { try cluster.start(victim) }
                    if kill % 5 == 0 { try await load.progress() }
                }
            }
            for number in cluster.numbers {
                cluster.stop(number)
                let report = try LogVerifier(directory: cluster.data(number)).verify()
                #expect(report.firstError == nil, "node \(number): \(report)")
            }
        }
    }

    /// The leader's process stands still for longer than an election takes, and goes on where it was:
    /// it believes to lead, and has requests in its sockets.
    @Test("a leader that stood still neither answers with old state nor keeps what it took")
    func aLeaderStandsStill() async throws {
        try await NodeCluster.run { cluster in
            try await FaultLoad.run(cluster) { load in
                let old = try await cluster.leader()
                let before = try #require(await cluster.info(old)).term
                let pinned = try await Self.client(cluster.addresses[old], .named("pinned"))
                let probe = try await pinned.topic(Self.probe)
                try await pinned.put(probe, .string("place"), row: Array("old".utf8))

                cluster.pause(old)
                let read = Task {
                    try await pinned.get(probe, .string("place"), notBefore: .newest)
                }
                let write = Task {
                    try await pinned.put(probe, .string("from the old"), row: Array("x".utf8))
                        .offset
                }
                let next = try await cluster.leader(besides: [old])
                let client = try await Self.client(cluster.addresses[next], .named("elsewhere"))
                let same = try await client.topic(Self.probe.name)
                let written = try await client.put(same, .string("place"), row: Array("new".utf8))
                    .offset
                // How long it stands still is the fault itself: ten seconds in long runs.
                let isLong = CrashRun.configuredRounds >= 200
                try await Task.sleep(for: .milliseconds(isLong ? 10_000 : 2_000))
                cluster.resume(old)

                switch await read.result {
                case .success(let record): #expect(record?.offset == written)
                case .failure(let error): #expect(Self.isNoAnswer(error), "\(error)")
                }
                let answer = await write.result
                if case .failure(let error) = answer { #expect(Self.isNoAnswer(error), "\(error)") }
                _ = try await eventually("the old leader follows") {
                    guard let info = await cluster.info(old) else { return nil as Bool? }
                    return info.role == .follower && info.term > before ? true : nil
                }
                try await load.progress()
                let record = try await client.get(
                    same, .string("from the old"), notBefore: .newest)
                switch answer {
                case .success(let offset): #expect(record?.offset == offset)
                case .failure: #expect(record?.version.rawValue ?? 1 == 1)
                }
                try await client.close()
            }
        }
    }

    @Test("nodes that are restarted one after the other are seen by no client")
    func rollingRestart() async throws {
        try await NodeCluster.run { cluster in
            var options = FaultLoad.Options()
            options.losesWords = false
            try await FaultLoad.run(cluster, options) { load in
                for number in cluster.numbers {
                    cluster.stop(number)
                    try await load.progress()
                    try cluster.start(number)
                    try await cluster.awaitWhole()
                    try await load.progress()
                }
            }
        }
    }

    static let probe = TopicDefinition(
        name: "probe", keyKind: .string, schema: nil, options: TopicOptions(writes: .every))

    /// A client that stays at its node.
    static func client(
        _ address: String, _ source: ClientOptions.Source
    ) async throws -> ThalwegClient {
        var options = ClientOptions(name: "pinned", source: source)
        options.reconnect = .never
        return try await eventually("the node lets a writer in") {
            do throws(ThalwegError) {
                return try await ThalwegClient.connect(to: address, options: options)
            } catch {
                guard error.code == .notLeader else { throw error }
                return nil
            }
        }
    }

    /// Nobody was told anything.
    static func isNoAnswer(_ error: any Error) -> Bool {
        let codes: Set<ErrorCode> = [.notCommitted, .notLeader, .connectionLost, .timedOut]
        return (error as? ThalwegError).map { codes.contains($0.code) } ?? false
    }
}
