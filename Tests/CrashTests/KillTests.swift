import Testing
import ThalwegModel

/// The process is killed again and again while clients write and wait for `committed`.
///
/// Every answered write is there afterwards with at least its version and offset; each record holds
/// what its only writer wrote last or later; the files verify after each kill.
/// `THALWEG_CRASH_ROUNDS` sets the rounds, `THALWEG_CRASH_SEED` repeats a run.
@Suite(.serialized) struct KillTests {
    @Test func answeredWritesSurviveAKill() async throws {
        let seed = CrashRun.configuredSeed
        print("crash seed \(seed), \(CrashRun.configuredRounds) rounds")
        try await CrashRun(
            seed: seed, rounds: CrashRun.configuredRounds, serverArguments: []
        ).run()
    }

    @Test func answeredWritesSurviveAKillAmongSnapshots() async throws {
        let seed = CrashRun.configuredSeed
        print("crash seed \(seed), \(CrashRun.configuredRounds) rounds with snapshots")
        let snapshotIndex = try await CrashRun(
            seed: seed, rounds: CrashRun.configuredRounds,
            serverArguments: ["--snapshot-after-bytes", "4096"]
        ).run()
        #expect(snapshotIndex > 0, "no snapshot was taken")
    }

    /// The same for sessions on a topic that keeps every write: their clients outlive the kills.
    @Test func eachWriteOfASessionIsInTheStreamOnceAfterKills() async throws {
        let seed = CrashRun.configuredSeed
        print("stream crash seed \(seed), \(CrashRun.configuredRounds) rounds")
        try await StreamCrashRun(
            seed: seed, rounds: CrashRun.configuredRounds, serverArguments: []
        ).run()
        try await StreamCrashRun(
            seed: seed, rounds: CrashRun.configuredRounds,
            serverArguments: ["--snapshot-after-bytes", "4096"]
        ).run()
    }

    /// Money is neither made nor lost, and nobody owes any.
    @Test(.enabled(if: TransferCrashRun.Files.areThere, "run 'make modules'"))
    func transfersConserveTheirSumOverKills() async throws {
        let seed = CrashRun.configuredSeed
        print("transfer crash seed \(seed), \(CrashRun.configuredRounds) rounds")
        try await TransferCrashRun(
            seed: seed, rounds: CrashRun.configuredRounds, serverArguments: []
        ).run()
        try await TransferCrashRun(
            seed: seed, rounds: CrashRun.configuredRounds,
            serverArguments: ["--snapshot-after-bytes", "4096"]
        ).run()
    }
}
