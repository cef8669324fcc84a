import Foundation
import Testing
import ThalwegBench
import ThalwegCluster

/// `bench join`, at a small size.
@Suite(.serialized, .enabled(if: ConsensusCore.isAvailable, "run scripts/get-raft.sh"))
struct BenchJoinTests {
    @Test("a node joins under writes, and has what the others have")
    func join() throws {
        var options = JoinOptions()
        options.cluster.executable = try ServerProcess.executable.path
        options.entities = 2_000
        options.rate = 1_000
        options.settling = .milliseconds(500)
        options.quiet = true
        let report = try runJoin(options)
        print(report.table())
        #expect(report.areEqual)
        #expect(report.secondsToCatchUp > 0)
        #expect(report.writesPerSecondBefore > 0)
    }
}
