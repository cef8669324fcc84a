import Testing
import ThalwegModel

@testable import ThalwegEngine

@Suite struct SourcesRandomTests {
    @Test(arguments: RandomRuns.seeds)
    func whatSourcesAssertIsWhatTheTableHolds(seed: UInt64) throws {
        let run = try SourcesRun(seed: seed)
        try run.run(steps: 6_000)
        let counts = run.counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        print("seed \(seed): \(run.steps) steps, \(counts.joined(separator: ", "))")
    }
}
