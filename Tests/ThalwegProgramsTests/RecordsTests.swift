import Testing
import ThalwegModel
import ThalwegPrograms

/// `topic.get`: a program reads its topic's records.
@Suite(.enabled(if: TestPrograms.canRun, TestPrograms.advice)) struct RecordsTests {
    private static func topic(_ batchSize: Int = 1000) throws -> TestTopic {
        try TestTopic(TestPrograms.module(.ordersWithRecords), batchSize: batchSize)
    }

    @Test func whatWasEmittedBeforeIsSeen() throws {
        var deleting = TestWrite("a", "")
        deleting.operation = .delete
        var patching = TestWrite("a", "abc")
        patching.operation = .patch
        for batchSize in [1, 2, 3, 1000] {
            let topic = try Self.topic(batchSize)
            let outcomes = try topic.write([
                TestWrite("x", "ga"), TestWrite("a", "a1"), TestWrite("x", "ga"),
                TestWrite("x", "gtwin"), TestWrite("a", "s2"), TestWrite("x", "ga"),
                TestWrite("x", "gtwin"), TestWrite("a", "d"), TestWrite("x", "ga"), patching,
                TestWrite("x", "ga"), deleting, TestWrite("x", "ga"), TestWrite("x", "ggot"),
            ])
            #expect(outcomes[0] == .put("got", "none"))
            #expect(outcomes[2] == .put("got", "a1"))
            #expect(outcomes[3] == .put("got", "none"))
            #expect(outcomes[5] == .put("got", "s2"))
            #expect(outcomes[6] == .put("got", "s2"))
            #expect(outcomes[8] == .put("got", "none"))
            #expect(outcomes[9] == .accepted)
            #expect(outcomes[10] == .put("got", "abc"))
            #expect(outcomes[12] == .put("got", "none"))
            #expect(outcomes[13] == .put("got", "none"))
        }
    }

    /// A roll-back makes earlier calls again, when the records are others: answers must be the old.
    @Test func answersComeAgainAfterARollBack() throws {
        for batchSize in [1, 5, 1000] {
            let topic = try Self.topic(batchSize)
            var writes: [TestWrite] = []
            for round in 0..<50 {
                writes += [
                    TestWrite("a", "a\(round)"), TestWrite("x", "ga"), TestWrite("x", "t"),
                    TestWrite("a", "abroken"), TestWrite("c", "c"),
                ]
            }
            let outcomes = try topic.write(writes)
            for round in 0..<50 {
                #expect(outcomes[round * 5 + 1] == .put("got", "a\(round)"))
                #expect(outcomes[round * 5 + 2] == .failed(.unreachable))
                #expect(outcomes[round * 5 + 4] == .put("c", number: UInt64(round * 4 + 4)))
            }
        }
    }

    /// What the initialiser read is not taken for what a write read, when writes run again.
    @Test func anInitialiserMayRead() throws {
        let topic = try TestTopic(TestPrograms.module(.ordersWithRecords), arguments: "G")
        let outcomes = try topic.write([
            TestWrite("a", "a1"), TestWrite("x", "ga"), TestWrite("c", "c"), TestWrite("x", "t"),
        ])
        #expect(outcomes[1] == .put("got", "a1"))
        // The calls above are made again, with the records that there are now.
        #expect(
            try topic.write([TestWrite("x", "gc"), TestWrite("x", "t"), TestWrite("c", "c")])[2]
                == .put("c", number: 5))
    }

    /// 300 times 60,000 bytes are too much for one write, and nothing for many.
    @Test func aWriteReadsNoMoreThanItMay() throws {
        for batchSize in [1, 1000] {
            let topic = try Self.topic(batchSize)
            let value = "a" + String(repeating: "v", count: 60_000)
            #expect(try topic.write("k", value) == .accepted)
            #expect(try topic.write("x", "W") == .failed(.badImportCall))
            let outcomes = try topic.write((0..<400).map { _ in TestWrite("x", "gk") })
            #expect(outcomes.allSatisfy { $0 == .put("got", value) })
        }
    }

    @Test func aValueThatDoesNotFitIsToldByItsSize() throws {
        let topic = try Self.topic()
        #expect(try topic.write("x", "G") == .put("size", number: .max))
        #expect(try topic.write("k", "a23456789") == .accepted)
        #expect(try topic.write("x", "G") == .put("size", number: 9))
    }

    @Test(arguments: [("h", ProgramFault.badImportCall), ("H", .badImportCall), ("w", .outOfFuel)])
    func callsThatAreWrongOrEndlessFail(order: String, fault: ProgramFault) throws {
        let topic = try Self.topic()
        let outcomes = try topic.write([
            TestWrite("k", "a" + String(repeating: "v", count: 60_000)), TestWrite("x", order),
            TestWrite("c", "c"),
        ])
        #expect(outcomes == [.accepted, .failed(fault), .put("c", number: 2)])
    }
}
