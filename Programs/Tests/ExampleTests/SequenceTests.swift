import Testing
import TopicKit

@testable import Sequence

@Suite struct SequenceTests {
    /// Workers race for each unit, in an order that the seed decides.
    @Test(arguments: [1, 2, 3]) func exactlyOneWorkerGetsEachUnit(seed: UInt64) throws {
        let topic = try TestTopic(Sequence.self, arguments: packed(UInt64(50)))
        var random = Generator(state: seed)
        for unit in 1...50 as ClosedRange<UInt64> {
            let workers = (0..<7).map { "worker \($0)" }.shuffled(using: &random)
            let results = workers.map { topic.put(TestKey(integerLiteral: unit), $0) }
            #expect(results.filter { $0 == .accepted }.count == 1, "seed \(seed)")
            #expect(results.filter { $0.isRejected(Sequence.isTaken) }.count == 6)
            #expect(topic[TestKey(integerLiteral: unit)] == Array(workers[0].utf8))
        }
        #expect(topic.put(51, "late").isRejected(Sequence.isBeyondTheLast))
        #expect(topic.recordCount == 50)
    }

    @Test func noUnitIsSkippedOrTakenBack() throws {
        let topic = try TestTopic(Sequence.self)
        #expect(topic.put(2, "a").isRejected(Sequence.isNotDue))
        #expect(topic.put(1, "a") == .accepted)
        #expect(topic.delete(1).isRejected(Sequence.isForEver))
        #expect(topic.put([1, 2], "a").isRejected(Reject.malformed.code))
    }

    @Test func anUpgradeGoesOnWhereTheOldProgramWas() throws {
        let topic = try TestTopic(Sequence.self)
        for unit in 1...300 as ClosedRange<UInt64> {
            #expect(topic.put(TestKey(integerLiteral: unit), "a") == .accepted)
        }
        try topic.upgrade(arguments: packed(UInt64(301)))
        #expect(topic.put(300, "b").isRejected(Sequence.isTaken))
        #expect(topic.put(301, "b") == .accepted)
        #expect(topic.put(302, "b").isRejected(Sequence.isBeyondTheLast))
    }

    @Test func wrongArgumentsAreRefused() {
        #expect(throws: Reject.malformed) { try TestTopic(Sequence.self, arguments: [1, 2]) }
    }
}
