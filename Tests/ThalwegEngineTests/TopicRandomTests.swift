import Testing
import ThalwegModel

@testable import ThalwegEngine

#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// `THALWEG_SEED` replays one seed; `THALWEG_STEPS` is the number of writes of each.
enum RandomRuns {
    static func number(_ name: String) -> UInt64? {
        getenv(name).flatMap { UInt64(String(cString: $0)) }
    }

    static var seeds: [UInt64] {
        if let seed = number("THALWEG_SEED") { return [seed] }
        let first = UInt64.random(in: 0..<1_000_000_000) * 100
        return (0..<16).map { first + $0 }
    }

    static var isLong: Bool { number("THALWEG_STEPS") != nil }

    static var steps: Int { Int(number("THALWEG_STEPS") ?? 20_000) }
}

@Suite struct TopicRandomTests {
    @Test(arguments: RandomRuns.seeds)
    func aTopicDoesWhatTheNaiveOneDoes(seed: UInt64) throws {
        let run = TopicRun(seed: seed)
        try run.run(steps: RandomRuns.steps)
        let counts = run.counts.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
        print("seed \(seed): \(run.writes) writes, \(counts.joined(separator: ", "))")
    }
}
