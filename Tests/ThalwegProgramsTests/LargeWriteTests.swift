import Testing
import ThalwegModel
import ThalwegPrograms

/// Writes of more than the input buffer's 256 KiB.
@Suite(.enabled(if: TestPrograms.canRun, TestPrograms.advice)) struct LargeWriteTests {
    private static func write(_ count: Int) -> TestWrite {
        TestWrite(key: [1], value: [UInt8](repeating: UInt8(ascii: "a"), count: count))
    }

    @Test func theLargestValueAndOneByteMore() throws {
        let topic = try TestTopic(TestPrograms.module(.ordersWithBig))
        let limit = ProgramLimits().valueBytes
        #expect(
            try topic.write([TestWrite("k", "c"), Self.write(limit), TestWrite("k", "c")])
                == [.put("k", number: 1), .accepted, .put("k", number: 3)])
        do {
            _ = try topic.write([Self.write(limit + 1)])
            Issue.record("it was taken")
        } catch let error as ThalwegError {
            #expect(error.code == .recordTooLarge)
            #expect(error.limit == UInt64(limit) && error.value == UInt64(limit) + 1)
        }
    }

    @Test func theLastThatFitsInTheBufferAndTheFirstThatDoesNot() throws {
        let topic = try TestTopic(TestPrograms.module(.ordersWithBig))
        let fits = ProgramLimits.inputBytes - 64 - 8
        #expect(try topic.write([Self.write(fits)]) == [.accepted])
        #expect(
            try topic.write("k", "B")
                == .emitted([
                    .init(action: .put, key: Array("big".utf8), value: [0, 0, 0, 0])
                ]))
        #expect(try topic.write([Self.write(fits + 1)]) == [.accepted])
        #expect(
            try topic.write("k", "B")
                == .emitted([
                    .init(action: .put, key: Array("big".utf8), value: [2, 0, 0, 0])
                ]))
    }

    @Test func aProgramWithoutAPlaceFailsTheWriteAndIsNotBlamed() throws {
        var limits = ProgramLimits()
        limits.faults = 1
        let topic = try TestTopic(TestPrograms.module(.orders), limits: limits)
        for _ in 0..<3 {
            #expect(try topic.write([Self.write(300_000)]) == [.failed(.writeTooLarge)])
        }
        #expect(try topic.write("k", "c") == .put("k", number: 1))
        #expect(!topic.program.counters.isFaulting)
    }

    @Test func noMemoryForAPlaceFailsTheWrite() throws {
        var limits = ProgramLimits()
        limits.memoryBytes = 2 << 20
        let topic = try TestTopic(
            TestPrograms.module(.ordersWithBig, limits: limits), limits: limits)
        #expect(try topic.write([Self.write(1 << 20)]) == [.failed(.writeTooLarge)])
        #expect(
            try topic.write("k", "B")
                == .emitted([
                    .init(action: .put, key: Array("big".utf8), value: [0, 0, 0, 0])
                ]))
    }
}
