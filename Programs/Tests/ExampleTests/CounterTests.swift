import Testing
import TopicKit

@testable import Counter

@Suite struct CounterTests {
    @Test func addsToTheRecord() throws {
        let topic = try TestTopic(Counter.self)
        #expect(topic.put("hits", Int64(5)) == .stored([.put("hits", packed(Int64(5)))]))
        #expect(topic.put("hits", Int64(-7)) == .stored([.put("hits", packed(Int64(-2)))]))
        #expect(topic["hits", 0, as: Int64.self] == -2)
        #expect(topic.delete("hits") == .accepted)
        #expect(topic.put("hits", Int64(1)) == .stored([.put("hits", packed(Int64(1)))]))
    }

    @Test func refusesWhatWouldOverflowOrIsTooShort() throws {
        let topic = try TestTopic(Counter.self)
        #expect(topic.put("hits", Int64.max) == .stored([.put("hits", packed(Int64.max))]))
        #expect(topic.put("hits", Int64(1)).isRejected(Counter.overflow))
        #expect(topic.put("hits", [1, 2, 3]).isRejected(Reject.malformed.code))
        #expect(topic["hits", 0, as: Int64.self] == .max)
    }
}
