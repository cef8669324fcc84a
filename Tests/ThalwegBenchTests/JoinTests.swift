import Testing

@testable import ThalwegBench

struct JoinTests {
    /// A hundred writes each 10 ms for three seconds, with the second one silent.
    private static let answers = (0..<300).filter { !(100..<200).contains($0) }.map {
        JoinWriter.Answer(at: UInt64($0) * 10_000_000, writes: 100)
    }
    private static let second: UInt64 = 1_000_000_000

    @Test func `a rate is of what was answered in its time`() {
        let rate = { JoinWriter.rate(Self.answers, from: $0, to: $1) }
        #expect(rate(0, Self.second) == 10_000)
        #expect(rate(Self.second, 2 * Self.second) == 0)
        #expect(rate(0, 2 * Self.second) == 5_000)
    }

    @Test func `the slowest second is one of at least two`() {
        let slowest = { JoinWriter.slowestSecond(Self.answers, from: 0, to: $0) }
        #expect(slowest(2 * Self.second) == 0)
        #expect(slowest(Self.second) == nil)
    }

    @Test func `options out of their range are refused`() {
        var options = JoinOptions()
        options.rate = 1
        #expect(throws: (any Error).self) { try options.check() }
        options = JoinOptions()
        options.cluster.nodes = 7
        #expect(throws: (any Error).self) { try options.check() }
    }
}
