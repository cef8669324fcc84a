import Testing
import TopicKit

@testable import AcceptEven
@testable import DoNothing
@testable import Stutter

@Suite struct SmallProgramTests {
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
}
