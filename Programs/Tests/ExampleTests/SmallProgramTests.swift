import Testing
import TopicKit

@testable import AcceptEven
@testable import Counter
@testable import DoNothing
@testable import PassThrough
@testable import Stutter

@Suite struct SmallProgramTests {
    @Test func passThroughStoresEveryWriteAsItIs() throws {
        let topic = try TestTopic(PassThrough.self)
        #expect(topic.put("a", "one") == .accepted)
        #expect(topic["a"] == Array("one".utf8))
        #expect(topic.delete("a") == .accepted)
        #expect(topic["a"] == nil)
    }

    @Test func doNothingStoresNothing() throws {
        let topic = try TestTopic(DoNothing.self)
        #expect(topic.put("a", "one") == .nothing)
        #expect(topic.recordCount == 0)
    }

    @Test func stutterStoresTwoForOne() throws {
        let topic = try TestTopic(Stutter.self)
        let one = Array("one".utf8)
        #expect(topic.put("a", "one") == .stored([.asIs, .put("a.again", one)]))
        #expect(topic["a"] == one)
        #expect(topic["a.again"] == one)
        #expect(topic.delete("a") == .stored([.asIs, .delete("a.again")]))
        #expect(topic.recordCount == 0)
    }

    @Test func stutterRefusesAKeyThatWouldBeTooLong() throws {
        let topic = try TestTopic(Stutter.self)
        let key = TestKey([UInt8](repeating: 0x61, count: 250))
        #expect(topic.put(key, "one").isRejected(Stutter.keyTooLong))
        #expect(topic.recordCount == 0)
    }

    /// Offsets 1, 3, 5 change the count and are refused: 2, 4, 6 must not see it.
    @Test func whatIsRefusedLeavesNoTrace() throws {
        let topic = try TestTopic(AcceptEven.self)
        for accepted in 1...3 as ClosedRange<UInt64> {
            #expect(topic.put("odd", "x").isRejected(AcceptEven.oddOffset))
            #expect(topic.program.accepted == accepted - 1)
            #expect(topic.program.lastKey == (accepted == 1 ? [] : Array("even".utf8)))
            #expect(topic.put("even", "x") == .stored([.put("even", packed(accepted))]))
        }
        #expect(topic.recordCount == 1)
    }

    @Test func counterAddsToTheRecord() throws {
        let topic = try TestTopic(Counter.self)
        #expect(topic.put("hits", Int64(5)) == .stored([.put("hits", packed(Int64(5)))]))
        #expect(topic.put("hits", Int64(-7)) == .stored([.put("hits", packed(Int64(-2)))]))
        #expect(topic["hits", 0, as: Int64.self] == -2)
        #expect(topic.delete("hits") == .accepted)
        #expect(topic.put("hits", Int64(1)) == .stored([.put("hits", packed(Int64(1)))]))
    }

    @Test func counterRefusesWhatWouldOverflowOrIsTooShort() throws {
        let topic = try TestTopic(Counter.self)
        #expect(topic.put("hits", Int64.max) == .stored([.put("hits", packed(Int64.max))]))
        #expect(topic.put("hits", Int64(1)).isRejected(Counter.overflow))
        #expect(topic.put("hits", [1, 2, 3]).isRejected(Reject.malformed.code))
        #expect(topic["hits", 0, as: Int64.self] == .max)
    }
}
