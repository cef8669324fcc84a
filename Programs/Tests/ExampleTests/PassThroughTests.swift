import Testing
import TopicKit

@testable import PassThrough

@Suite struct PassThroughTests {
    @Test func passThroughStoresEveryWriteAsItIs() throws {
        let topic = try TestTopic(PassThrough.self)
        #expect(topic.put("a", "one") == .accepted)
        #expect(topic["a"] == Array("one".utf8))
        #expect(topic.delete("a") == .accepted)
        #expect(topic["a"] == nil)
    }
}
