import Foundation
import Testing
import ThalwegBench
import ThalwegCluster
import ThalwegModel

/// Nodes are processes that are killed while a client writes and waits for `committed`.
///
/// Every write that was acknowledged is on every node afterwards, none was applied twice, and the
/// nodes have the same state. `THALWEG_CRASH_ROUNDS` sets the rounds: a tenth of them are kills here,
/// as each takes an election and a start.
@Suite(.serialized, .enabled(if: ConsensusCore.isAvailable, "run scripts/get-raft.sh"))
struct ClusterKillTests {
    private static func options(_ victim: FailoverOptions.Victim) throws -> FailoverOptions {
        var options = FailoverOptions()
        options.cluster.executable = try ServerProcess.executable.path
        options.kills = max(3, CrashRun.configuredRounds / 10)
        options.batchesBetween = 30
        options.victim = victim
        options.quiet = true
        return options
    }

    @Test(
        "nothing that was acknowledged is lost or applied twice, whoever is killed",
        arguments: [FailoverOptions.Victim.leader, .follower, .all])
    func acknowledgedWritesSurvive(victim: FailoverOptions.Victim) throws {
        let options = try Self.options(victim)
        let report = try runFailover(options)
        print("cluster, \(victim) killed:\n\(report.table())")
        #expect(report.kills == options.kills)
        #expect(report.writes > 0)
        #expect(report.lost == 0)
        #expect(report.duplicated == 0)
        #expect(report.clientErrors == 0)
        #expect(report.areEqual)
    }

    @Test("five nodes lose their leader and go on")
    func fiveNodes() throws {
        var options = try Self.options(.leader)
        options.cluster.nodes = 5
        options.kills = 3
        let report = try runFailover(options)
        #expect(report.lost == 0 && report.duplicated == 0 && report.clientErrors == 0)
        #expect(report.areEqual)
    }
}
