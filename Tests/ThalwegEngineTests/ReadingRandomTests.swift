import Testing
import ThalwegModel

@testable import ThalwegEngine

@Suite struct ReadingRandomTests {
    /// 16 lives of 4,000 steps each.
    @Test(arguments: RandomRuns.seeds)
    func whatAReaderFoldsIsTheTableAtTheOffsetItWasTold(seed: UInt64) throws {
        let run = try ReadingRun(seed: seed)
        try run.run(steps: 4_000)
        let counts = run.counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        print("seed \(seed): \(run.steps) steps, \(counts.joined(separator: ", "))")
    }
}
