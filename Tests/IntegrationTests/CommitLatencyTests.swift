import Testing

@testable import ThalwegServer

@Suite("How long the log takes")
struct CommitLatencyTests {
    @Test("what always takes as long is expected to; what varies, to take longer than on average")
    func usual() {
        func latency(of figures: [Int64]) -> CommitLatency {
            var latency = CommitLatency()
            var now: Int64 = 0
            for _ in 0..<200 {
                for figure in figures {
                    now += 1_000_000
                    latency.noteAppended(now: now)
                    now += figure
                    latency.noteApplied(now: now - figure / 2)
                    latency.noteSent(now: now)
                }
            }
            return latency
        }
        let steady = latency(of: [3_000_000])
        #expect((2_900_000...3_000_000).contains(steady.mean))
        #expect(steady.usual < 3_100_000)
        let varied = latency(of: [1_000_000, 5_000_000])
        #expect((2_500_000...3_500_000).contains(varied.mean))
        #expect((6_000_000...8_500_000).contains(varied.usual))
    }

    @Test("entries are watched one at a time, and not beyond a leadership")
    func watching() {
        var latency = CommitLatency()
        latency.noteAppended(now: 0)
        latency.noteAppended(now: 500)
        latency.noteApplied(now: 400)
        latency.noteSent(now: 800)
        #expect(latency.mean == 100)
        // The second was not watched.
        latency.noteApplied(now: 10_000)
        latency.noteSent(now: 10_000)
        #expect(latency.mean == 100)
        latency.noteAppended(now: 20_000)
        latency.restart()
        latency.noteApplied(now: 1_000_000)
        latency.noteSent(now: 1_000_000)
        #expect(latency.mean == 100)
    }
}
