import Testing
import ThalwegModel
import ThalwegPrograms

/// What becomes of single writes.
@Suite(.enabled(if: TestPrograms.canRun, TestPrograms.advice)) struct RunTests {
    private func topic(_ name: TestPrograms.Name = .orders) throws -> TestTopic {
        try TestTopic(TestPrograms.module(name))
    }

    @Test func eachVerdict() throws {
        let topic = try topic()
        #expect(try topic.write("k", "as it is") == .accepted)
        #expect(try topic.write("k", "n") == .ignored)
        #expect(try topic.write("k", "rbecause") == .rejected(100, "because"))
        #expect(try topic.write("k", "r") == .rejected(100, ""))
        #expect(try topic.write("k", "t") == .failed(.unreachable))
        #expect(
            try topic.write("k", "sv")
                == .emitted([
                    .init(action: .put, key: Array("k".utf8), value: Array("sv".utf8)),
                    .init(action: .put, key: Array("twin".utf8), value: Array("sv".utf8)),
                ]))
        #expect(
            try topic.write("k", "d")
                == .emitted([.init(action: .delete, key: Array("k".utf8), value: [])]))
    }

    @Test func aProgramSeesAllOfAWrite() throws {
        let topic = try topic()
        var write = TestWrite("key", "i")
        write.operation = .patch
        write.source = 0xabcd
        write.time = -5
        write.session = 77
        write.mask = 0x8000_0000_0000_0001
        write.metadata = [1, 2, 3, 4, 5, 6, 7, 8, 9]
        let outcome = try topic.write([TestWrite("k", "n"), write])[1]
        var header = bytes(of: UInt32(64 + 8 + 8 + 16)) + [2, 0] + bytes(of: UInt16(0xabcd))
        header += bytes(of: UInt64(2)) + bytes(of: Int64(-5)) + bytes(of: UInt64(77))
        header += bytes(of: write.mask) + bytes(of: UInt32(3)) + bytes(of: UInt32(1))
        header += bytes(of: UInt32(9)) + [UInt8](repeating: 0, count: 12)
        #expect(
            outcome
                == .emitted([.init(action: .put, key: Array("key".utf8), value: header)]))
    }

    @Test(arguments: [
        ("l", ProgramFault.outOfFuel), ("t", .unreachable), ("z", .divisionByZero),
        ("o", .memoryOutOfBounds), ("k", .stackOverflow), ("m", .unreachable),
        ("P", .badImportCall),
    ])
    func aFaultLeavesNoTraceAndTheNextWriteWorks(order: String, fault: ProgramFault) throws {
        for batchSize in [1, 3] {
            let topic = try TestTopic(TestPrograms.module(.orders), batchSize: batchSize)
            let writes = [TestWrite("k", "c"), TestWrite("k", order), TestWrite("k", "c")]
            #expect(
                try topic.write(writes)
                    == [.put("k", number: 1), .failed(fault), .put("k", number: 2)])
            #expect(topic.program.counters.faults == [fault: 1])
            #expect(topic.program.counters.writes == 3)
            // Memory cannot shrink: where a write took all there is, the instance is another one.
            #expect(topic.program.memoryBytes < 16 << 20)
        }
    }

    /// Every byte that is filled is counted, which other strategies of the engine do not: a pinned one
    /// is part of its identity.
    @Test(arguments: [(50_000 as UInt64, Outcome.failed(.outOfFuel)), (70_000, .ignored)])
    func fillingMemoryCostsFuelForEachByte(fuel: UInt64, outcome: Outcome) throws {
        var module = WasmBuilder()
        // 60,000 zeros at the output buffer; all writes consumed, nothing emitted.
        let fill: [UInt8] = [
            0x41, 0x80, 0x80, 0x14, 0x41, 0, 0x41, 0xe0, 0xd4, 0x03, 0xfc, 0x0b, 0,
        ]
        module.functions[4] = (2, [0] + fill + [0x20, 1, 0xad, 0x42, 32, 0x86, 0x0b])
        var limits = ProgramLimits()
        limits.fuelPerWrite = fuel
        let compiled = try ProgramModule(
            module.bytes, engine: TestPrograms.engine(), limits: limits)
        #expect(try TestTopic(compiled, limits: limits).write("k", "v") == outcome)
    }

    @Test(arguments: Array("0123456789abd"))
    func outputThatBreaksARuleIsAFault(kind: Character) throws {
        for batchSize in [1, 4] {
            let topic = try TestTopic(TestPrograms.module(.orders), batchSize: batchSize)
            let writes = [
                TestWrite("k", "f"), TestWrite("k", "f"), TestWrite("k", "b\(kind)"),
                TestWrite("k", "c"),
            ]
            let outcomes = try topic.write(writes)
            #expect(outcomes[2] == .failed(.badOutput), "\(kind), \(batchSize)")
            #expect(outcomes[3] == .put("k", number: 3))
        }
    }

    /// The host knows the topic's schema; the program does not.
    @Test func aPutThatTheTopicCannotStoreIsAFault() throws {
        let topic = try topic()
        topic.program.accepts = { _, value in !value.elementsEqual(Array("no".utf8)) }
        #expect(try topic.write("k", "bc") == .failed(.badOutput))
        #expect(try topic.write("k", "c") == .put("k", number: 1))
    }

    /// Changes state and then rejects: the state goes back.
    @Test func aRejectThatUndoesLeavesNoTrace() throws {
        for batchSize in [1, 2, 100] {
            let topic = try TestTopic(TestPrograms.module(.orders), batchSize: batchSize)
            let writes = (0..<100).map { TestWrite("k", $0 % 2 == 0 ? "c" : "uodd") }
            let expected: [Outcome] = (0..<100).map {
                $0 % 2 == 0 ? .put("k", number: UInt64($0 / 2 + 1)) : .rejected(101, "odd")
            }
            #expect(try topic.write(writes) == expected)
            #expect(topic.program.counters.failed == 0)
            #expect(topic.program.counters.rejected == 50)
        }
    }

    @Test func memoryEndsAtItsLimit() throws {
        var limits = ProgramLimits()
        limits.memoryBytes = 4 << 20
        let topic = try TestTopic(TestPrograms.module(.orders, limits: limits), limits: limits)
        #expect(try topic.write("k", "M") == .put("m", "y"))
        #expect(try topic.write("k", "M") == .put("m", "y"))
        #expect(try topic.write("k", "M") == .put("m", "n"))
        #expect(topic.program.memoryBytes <= 4 << 20)
    }

    @Test func notANumberHasTheSameBitsEverywhere() throws {
        let outcome = try topic().write("k", "N")
        let canonical = bytes(of: 0x7ff8_0000_0000_0000 as UInt64)
        #expect(
            outcome
                == .emitted([
                    .init(
                        action: .put, key: Array("nan".utf8),
                        value: canonical + canonical + canonical)
                ]))
    }

    @Test func keysAndValuesOfEverySize() throws {
        let topic = try topic()
        #expect(try topic.write("", "c") == .put("", number: 1))
        #expect(try topic.write("k", "") == .ignored)
        let key = String(repeating: "k", count: 255)
        #expect(try topic.write(key, "c") == .put(key, number: 3))
        #expect(throws: ThalwegError.self) { try topic.write(key + "k", "c") }
        var write = TestWrite("k", "c")
        write.metadata = [UInt8](repeating: 1, count: 65_537)
        #expect(throws: ThalwegError.self) { try topic.write([write]) }
        write.metadata.removeLast()
        #expect(try topic.write([write]) == [.put("k", number: 4)])
    }

    /// Each write returns 100,000 bytes: the buffer is full after some, and the rest comes later.
    @Test func aFullOutputBufferIsEmptiedInBetween() throws {
        let topic = try topic()
        let outcomes = try topic.write((0..<100).map { _ in TestWrite("k", "f") })
        #expect(outcomes.count == 100)
        #expect(topic.steps > 10)
        for case .emitted(let outputs) in outcomes { #expect(outputs[0].value.count == 100_000) }
    }

    @Test func linesAreHandedOutOnceAndBounded() throws {
        let topic = try topic()
        _ = try topic.write("k", "phello")
        #expect(topic.program.takeLines() == ["hello"])
        #expect(topic.program.takeLines().isEmpty)
        // Lines of a batch that is run again are not told twice; a fault has a line of its own.
        _ = try topic.write([TestWrite("k", "pone"), TestWrite("k", "t"), TestWrite("k", "ptwo")])
        let lines = topic.program.takeLines()
        #expect(lines.count == 3 && lines[0] == "one" && lines[2] == "two")
        #expect(lines[1].hasPrefix("write 3 failed with unreachable"))
        _ = try topic.write((0..<300).map { TestWrite("k", "p\($0)") })
        #expect(topic.program.takeLines().last == "44 more lines were not kept")
        _ = try topic.write("k", "p" + String(repeating: "x", count: 5_000))
        #expect(topic.program.takeLines()[0].utf8.count == 1_024)
    }

    @Test func manyFaultsInOneBatch() throws {
        let topic = try topic()
        let orders = ["c", "k", "t", "o", "c", "m", "l", "z", "c", "b0"]
        let outcomes = try topic.write(orders.map { TestWrite("k", $0) })
        #expect(outcomes.filter { $0 == .failed(.stackOverflow) }.count == 1)
        #expect(outcomes[0] == .put("k", number: 1))
        #expect(outcomes[4] == .put("k", number: 2))
        #expect(outcomes[8] == .put("k", number: 3))
        #expect(topic.program.counters.failed == 7)
    }

    @Test func aProgramThatFailsTooOftenIsStopped() throws {
        var limits = ProgramLimits()
        limits.faults = 3
        limits.faultWindow = 100
        for batchSize in [1, 7, 1000] {
            let topic = try TestTopic(
                TestPrograms.module(.orders), batchSize: batchSize, limits: limits)
            // Three in each of two windows are fine, the fourth in the third is not.
            var orders = (0..<200).map { $0 % 33 == 32 ? "t" : "c" }
            orders += ["t", "t", "c", "t", "t", "c", "c"]
            let outcomes = try topic.write(orders.map { TestWrite("k", $0) })
            #expect(outcomes[203] == .failed(.unreachable))
            #expect(outcomes[204] == .failed(.unreachable))
            #expect(outcomes[205...].allSatisfy { $0 == .failed(.faulting) })
            #expect(topic.program.counters.isFaulting)
            #expect(topic.program.counters.writes == 205)
            let restored = try TestTopic(
                TestPrograms.module(.orders), image: topic.program.image(), after: topic,
                limits: limits)
            #expect(try restored.write("k", "c") == .failed(.faulting))
        }
    }
}
