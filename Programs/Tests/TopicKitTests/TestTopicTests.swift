import Testing
import TopicKit

/// Remembers in an object, which `decide` can change behind the kit's back.
private struct Forgetful: TopicProgram {
    final class Memory {
        var seen: Set<[UInt8]> = []
    }

    let memory = Memory()

    init(arguments: Bytes) {}

    func decide(_ write: borrowing Write) throws(Reject) {
        guard memory.seen.insert(write.key.array).inserted else { throw Reject(100, "seen") }
    }

    mutating func apply(_ change: Void, _ write: borrowing Write, _ output: inout Output) {
        output.accept()
    }
}

/// Stores what it can see of a write.
private struct Mirror: TopicProgram {
    init(arguments: Bytes) throws(Reject) {
        guard arguments == "mirror" else { throw Reject(7, "the argument is not 'mirror'") }
    }

    func decide(_ write: borrowing Write) throws(Reject) {
        write.topic.log("write \(write.offset)")
        if write.topic.get("closed") != nil { throw Reject(8, "closed") }
    }

    mutating func apply(_ change: Void, _ write: borrowing Write, _ output: inout Output) {
        output.put(
            write.key,
            packed(
                write.operation.rawValue, write.source, write.offset, write.time, write.session,
                write.mask, write.metadata.array))
    }
}

/// Leaves it to the server to undo refused writes.
private struct Undone: TransactionalProgram {
    static var isUndoneByServer: Bool { true }

    var seen: [UInt64] = []

    init(arguments: Bytes) {}

    mutating func handle(_ write: borrowing Write, _ output: inout Output) throws(Reject) {
        seen.append(write.offset)
        output.accept()
        if write.offset == 2 { throw Reject(100, "the second") }
    }
}

@Suite struct TestTopicTests {
    @Test func whatTheServerUndoesLeavesNoTrace() throws {
        let topic = try TestTopic(Undone.self)
        #expect(topic.put("a", "x") == .accepted)
        #expect(topic.put("b", "x").isRejected(100))
        #expect(topic.put("c", "x") == .accepted)
        #expect(topic.program.seen == [1, 3])
        #expect(topic["b"] == nil)
    }

    @Test func aProgramSeesTheWholeWrite() throws {
        let topic = try TestTopic(Mirror.self, arguments: Array("mirror".utf8))
        topic.source = 9
        topic.session = 77
        topic.time = 123
        #expect(topic.put(5, "x", metadata: [1, 2]) != .nothing)
        let wanted = packed(
            UInt8(1), UInt16(9), UInt64(1), Int64(123), UInt64(77), UInt64(0), [1, 2] as [UInt8])
        #expect(topic[5] == wanted)
        #expect(topic.logLines == ["write 1"])
    }

    @Test func aProgramReadsTheTopicBeforeTheWrite() throws {
        let topic = try TestTopic(Mirror.self, arguments: Array("mirror".utf8))
        #expect(!topic.put("closed", "x").isRejected(8))
        #expect(topic.put("other", "x").isRejected(8))
        #expect(topic.recordCount == 1)
    }

    @Test func anInitialiserThatThrowsLeavesTheOldProgram() throws {
        #expect(throws: Reject(7, "the argument is not 'mirror'")) {
            try TestTopic(Mirror.self)
        }
        let topic = try TestTopic(Mirror.self, arguments: Array("mirror".utf8))
        #expect(throws: Reject.self) { try topic.upgrade() }
        #expect(topic.put("a", "x") != .nothing)
    }

    @Test func aProgramThatAnswersTwiceDifferentlyIsFound() async {
        await #expect(processExitsWith: .failure) {
            let topic = try TestTopic(Forgetful.self)
            _ = topic.put("a", "x")
        }
    }
}
