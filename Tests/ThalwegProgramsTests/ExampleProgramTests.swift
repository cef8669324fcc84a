import Foundation
import Testing
import ThalwegModel
import ThalwegPrograms

/// The modules of the example programs, which `scripts/programs.sh` builds from Programs/Examples.
enum ExamplePrograms {
    static let names = [
        "PassThrough", "DoNothing", "Stutter", "AcceptEven", "Sequence", "Counter", "Transfer",
        "Moves", "gate", "even",
    ]

    private static func file(_ name: String) -> URL {
        URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Programs/.build/programs/\(name).wasm")
    }

    static var areBuilt: Bool {
        TestPrograms.isRequired
            || TestPrograms.canRun
                && names.allSatisfy { FileManager.default.fileExists(atPath: file($0).path) }
    }

    static let advice: Comment =
        "run 'sh scripts/get-wasmtime.sh' and 'scripts/programs.sh --modules-only'"

    static func module(_ name: String) throws -> ProgramModule {
        try ProgramModule(
            Array(Data(contentsOf: file(name))), engine: TestPrograms.engine(),
            limits: ProgramLimits())
    }
}

/// What authors build does in the engine what its native tests say.
@Suite(.enabled(if: ExamplePrograms.areBuilt, ExamplePrograms.advice))
struct ExampleProgramTests {
    private func topic(
        _ name: String, _ arguments: [UInt8] = [], batchSize: Int = 1000
    ) throws -> TestTopic {
        try TestTopic(
            ExamplePrograms.module(name), arguments: String(decoding: arguments, as: UTF8.self),
            batchSize: batchSize)
    }

    private func write(
        _ key: UInt64, _ value: [UInt8], _ operation: ProgramWrite.Operation = .put,
        mask: UInt64 = 0
    ) -> TestWrite {
        var write = TestWrite(key: bytes(of: key), value: value)
        write.operation = operation
        write.mask = mask
        return write
    }

    @Test(arguments: ExamplePrograms.names) func everyModuleStarts(name: String) throws {
        let topic = try topic(name)
        #expect(topic.program.memoryBytes > 1 << 20)
    }

    @Test func passThroughDoNothingAndStutter() throws {
        #expect(try topic("PassThrough").write("k", "v") == .accepted)
        #expect(try topic("DoNothing").write("k", "v") == .ignored)
        #expect(
            try topic("Stutter").write("k", "v")
                == .emitted([
                    .init(action: .accept),
                    .init(action: .put, key: Array("k.again".utf8), value: Array("v".utf8)),
                ]))
        let long = String(repeating: "k", count: 250)
        #expect(
            try topic("Stutter").write(long, "v")
                == .rejected(100, "the key has more than 249 bytes"))
    }

    @Test func aWriteOfAMegabyteIsTaken() throws {
        let large = String(repeating: "x", count: 1 << 20)
        #expect(try topic("PassThrough").write("k", large) == .accepted)
    }

    /// The kit undoes with a copy, the module in text format has the server undo.
    @Test(arguments: ["AcceptEven", "even"], [1, 3, 7, 100])
    func whatIsRefusedLeavesNoTrace(name: String, batchSize: Int) throws {
        let topic = try topic(name, batchSize: batchSize)
        let outcomes = try topic.write((0..<60).map { _ in TestWrite("k", "v") })
        for (index, outcome) in outcomes.enumerated() {
            if index.isMultiple(of: 2) {
                let message = name == "even" ? "" : "offset \(index + 1) is odd"
                #expect(outcome == .rejected(100, message))
            } else {
                #expect(outcome == .put("k", number: UInt64(index / 2 + 1)))
            }
        }
        #expect(topic.program.counters.faults.isEmpty)
    }

    @Test func theGateCountsAndShuts() throws {
        let topic = try topic("gate", bytes(of: UInt32(2)))
        #expect(
            try topic.write("k", "x") == .rejected(100, "the value does not begin with a digit"))
        #expect(try topic.write("k", "1") == .accepted)
        #expect(try topic.write("k", "2") == .accepted)
        #expect(try topic.write("k", "3") == .rejected(101, "the gate is shut"))
    }

    @Test(arguments: [
        ("Sequence", "the write ends before what the program reads of it"),
        ("gate", "the argument is a u32"),
    ])
    func argumentsThatAreNoneAreRefused(name: String, message: String) throws {
        let error = #expect(throws: ThalwegError.self) { try topic(name, [1, 2, 3]) }
        #expect(error?.code == .programInitFailed && error?.value == 1)
        #expect(error?.message.contains(message) == true)
    }

    @Test(arguments: [1, 7, 1000]) func oneWorkerGetsEachUnit(batchSize: Int) throws {
        let topic = try topic("Sequence", bytes(of: UInt64(50)), batchSize: batchSize)
        var random = SplitMix(seed: 5)
        var writes: [TestWrite] = []
        for unit in 1...51 as ClosedRange<UInt64> {
            let workers = (0..<5).map { "worker \($0)" }.shuffled(using: &random)
            writes += workers.map { write(unit, Array($0.utf8)) }
        }
        let outcomes = try topic.write(writes)
        #expect(outcomes.filter { $0 == .accepted }.count == 50)
        #expect(topic.records.values.count == 50)
        #expect(outcomes.last == .rejected(102, "there are only 50 units"))
        #expect(outcomes[1] == .rejected(100, "unit 1 is taken; the next is 2"))
    }

    @Test(arguments: [1, 100]) func counterReadsWhatItsBatchStored(batchSize: Int) throws {
        let topic = try topic("Counter", batchSize: batchSize)
        let steps: [Int64] = [5, -7, 100]
        let outcomes = try topic.write(steps.map { TestWrite(key: [1], value: bytes(of: $0)) })
        let sums = [5, -2, 98].map { (sum: Int64) in
            Outcome.emitted([.init(action: .put, key: [1], value: bytes(of: sum))])
        }
        #expect(outcomes == sums)
        var delete = TestWrite(key: [1], value: [])
        delete.operation = .delete
        #expect(
            try topic.write([delete, TestWrite(key: [1], value: bytes(of: Int64(1)))]).last
                == .emitted([.init(action: .put, key: [1], value: bytes(of: Int64(1)))]))
    }

    private func row(_ x: Int32, _ y: Int32) -> [UInt8] {
        bytes(of: UInt16(14)) + bytes(of: x) + bytes(of: y) + bytes(of: UInt32(0))
    }

    @Test(arguments: [1, 100]) func anImpossibleMoveIsRejected(batchSize: Int) throws {
        let topic = try topic("Moves", bytes(of: UInt32(8)), batchSize: batchSize)
        let outcomes = try topic.write([
            write(1, row(3, 3)), write(1, row(4, 0), .patch, mask: 1), write(1, row(7, 7)),
            write(2, row(4, 3)), write(2, row(9, 9)), write(1, [], .delete), write(2, row(4, 3)),
        ])
        #expect(
            outcomes == [
                .accepted, .accepted, .rejected(101, "(7, 7) is no step from (4, 3)"),
                .rejected(102, "piece 1 stands on (4, 3)"),
                .rejected(100, "(9, 9) is not on the board"),
                .accepted, .accepted,
            ])
    }

    private func transfers(_ count: Int, seed: UInt64) -> [TestWrite] {
        var random = SplitMix(seed: seed)
        var writes = (0..<100).map { write($0, bytes(of: Int64(1000))) }
        for _ in 0..<count {
            let from = UInt64.random(in: 0..<100, using: &random)
            let to = UInt64.random(in: 0..<100, using: &random)
            let amount = Int64.random(in: 1..<900, using: &random)
            writes.append(write(from, bytes(of: amount) + bytes(of: to)))
        }
        return writes
    }

    private func balances(_ topic: TestTopic) -> [Int64] {
        topic.records.values.values.map { value in
            value.withUnsafeBytes { $0.loadUnaligned(as: Int64.self) }
        }
    }

    /// The same outcomes and the same memory whatever the batches; nothing created, lost, overdrawn.
    @Test func transfersNeverOverdraw() throws {
        let writes = transfers(5_000, seed: 11)
        var outcomes: [Outcome]?
        var hash: UInt64?
        for batchSize in [1, 7, 1000] {
            let topic = try topic("Transfer", batchSize: batchSize)
            let these = try topic.write(writes)
            #expect(these == outcomes ?? these, "batches of \(batchSize)")
            #expect(topic.program.stateHash() == hash ?? topic.program.stateHash())
            outcomes = these
            hash = topic.program.stateHash()
            #expect(balances(topic).reduce(0, +) == 100_000)
            #expect(balances(topic).allSatisfy { $0 >= 0 })
        }
        let refused = outcomes?.filter { if case .rejected(100, _) = $0 { true } else { false } }
        #expect((refused?.count ?? 0) > 100)
    }

    /// A dictionary that grows at once would take a write's fuel many times over; the kit's table grows
    /// a little with each.
    @Test func noWriteOfManyPaysForTheGrowthOfTheTable() throws {
        var limits = ProgramLimits()
        limits.fuelPerWrite = 100_000
        let topic = try TestTopic(
            ExamplePrograms.module("Transfer"), batchSize: 10, limits: limits)
        let writes = (0..<20_000).map { write(UInt64($0), bytes(of: Int64(1))) }
        let failed = try topic.write(writes).filter { if case .failed = $0 { true } else { false } }
        #expect(failed.isEmpty, "\(failed.count) writes")
        #expect(topic.records.values.count == 20_000)
    }

    @Test func anImageGoesOnLikeTheProgram() throws {
        let writes = transfers(2_000, seed: 12)
        let whole = try topic("Transfer")
        _ = try whole.write(writes)
        let first = try topic("Transfer")
        _ = try first.write(Array(writes.prefix(1_000)))
        let second = try TestTopic(
            ExamplePrograms.module("Transfer"), image: first.program.image(), after: first)
        _ = try second.write(Array(writes.dropFirst(1_000)))
        #expect(second.program.stateHash() == whole.program.stateHash())
        #expect(second.records.values == whole.records.values)
    }

    @Test func anUpgradeLoadsTheRecords() throws {
        let old = try topic("Transfer")
        _ = try old.write(transfers(1_000, seed: 13))
        let upgraded = try topic("Transfer")
        let batch = ProgramBatch()
        for key in 0..<100 as Range<UInt64> {
            let value = try #require(old.records.values[bytes(of: key)])
            try TestWrite(key: bytes(of: key), value: value).append(to: batch, offset: key + 1)
        }
        try upgraded.program.load(batch)
        let balance = try #require(old.records.values[bytes(of: UInt64(7))])
        let all = balance.withUnsafeBytes { $0.loadUnaligned(as: Int64.self) }
        let outcomes = try upgraded.write([
            write(7, bytes(of: all + 1) + bytes(of: UInt64(8))),
            write(7, bytes(of: max(all, 1)) + bytes(of: UInt64(8))),
        ])
        #expect(outcomes[0] == .rejected(100, "the account has \(all), not \(all + 1)"))
        if all > 0, case .emitted(let outputs) = outcomes[1] {
            #expect(outputs.count == 2 && outputs[0].value == bytes(of: Int64(0)))
        }
    }
}

extension SplitMix: RandomNumberGenerator {}
