import Testing
import ThalwegModel
import ThalwegPrograms

@Suite(.enabled(if: TestPrograms.canRun, TestPrograms.advice)) struct InitialiserTests {
    private static func failure(_ arguments: [UInt8]) throws -> ThalwegError? {
        var limits = ProgramLimits()
        limits.fuelOfInitialiser = 10_000_000
        let module = try TestPrograms.module(.orders)
        do throws(ThalwegError) {
            _ = try Program(module: module, arguments: arguments, limits: limits)
            return nil
        } catch {
            return error
        }
    }

    @Test func argumentsReachTheInitialiser() throws {
        let topic = try TestTopic(TestPrograms.module(.orders), arguments: "width=9")
        #expect(try topic.write("k", "e") == .put("note", "width=9"))
    }

    @Test func aRefusalHasTheProgramsCodeAndMessage() throws {
        let error = try #require(try Self.failure(Array("!".utf8)))
        #expect(error.code == .programInitFailed)
        #expect(error.value == 7)
        #expect(error.message.contains("code 7: bad argument"))
    }

    @Test(arguments: [("L", "out_of_fuel"), ("T", "unreachable"), ("?", "not a reject")])
    func aFailureIsAnErrorThatSaysWhy(argument: String, reason: String) throws {
        let error = try #require(try Self.failure(Array(argument.utf8)))
        #expect(error.code == .programInitFailed)
        #expect(error.message.contains(reason), "\(error)")
    }

    @Test func argumentsHaveTheInputBuffersSize() throws {
        #expect(try Self.failure([UInt8](repeating: 32, count: ProgramLimits.inputBytes)) == nil)
        let error = try #require(
            try Self.failure([UInt8](repeating: 32, count: ProgramLimits.inputBytes + 1)))
        #expect(error.code == .programTooLarge)
        #expect(error.limit == UInt64(ProgramLimits.inputBytes))
    }

    @Test func recordsCanBeLoaded() throws {
        let program = try Program(module: TestPrograms.module(.orders))
        #expect(program.isLoadable)
        let records = ProgramBatch()
        for index in 0..<10_000 {
            try TestWrite("k\(index)", "vv").append(to: records, offset: 0)
        }
        try program.load(records)
        let batch = ProgramBatch()
        try TestWrite("k", "c").append(to: batch, offset: 1)
        var step = try program.run(batch)
        let next = step.next()
        let result = try #require(next)
        #expect(Outcome(result) == .put("k", number: 20_001))
        let end = step.next()
        #expect(end == nil)
        // What was loaded is what a failing write is rolled back to.
        batch.removeAll()
        try TestWrite("k", "t").append(to: batch, offset: 2)
        try TestWrite("k", "c").append(to: batch, offset: 3)
        step = try program.run(batch)
        let failed = step.next()
        #expect(failed.map { Outcome($0) } == .failed(.unreachable))
        step = try program.run(batch, from: 1)
        let counted = step.next()
        #expect(counted.map { Outcome($0) } == .put("k", number: 20_002))
    }

    @Test func aRecordThatIsRefusedRefusesTheDeployment() throws {
        let program = try Program(module: TestPrograms.module(.orders))
        let records = ProgramBatch()
        try TestWrite("k", "fine").append(to: records, offset: 0)
        try TestWrite("k", "!").append(to: records, offset: 0)
        do throws(ThalwegError) {
            try program.load(records)
            Issue.record("it was loaded")
        } catch {
            #expect(error.code == .programInitFailed)
            #expect(error.value == 8)
        }
    }
}
