import Testing
import ThalwegModel
import ThalwegPrograms

/// A write's fate never depends on its batch, and never on an image in between.
@Suite(.enabled(if: TestPrograms.canRun, TestPrograms.advice)) struct DeterminismTests {
    private static let count = 20_000
    private static let limits = {
        var limits = ProgramLimits()
        limits.fuelPerWrite = 2_000_000
        return limits
    }()

    /// Keys among 1,024, numbers whose remainders ask for every kind of end.
    private static let writes: [TestWrite] = {
        var random = SplitMix(seed: 88_172_645_463_325_252)
        return (0..<count).map { _ in
            TestWrite(
                key: bytes(of: random.next() & 1023), value: bytes(of: random.next() & 0xfffff))
        }
    }()

    /// The rules of `Programs/poison.c`.
    private static let expected: [Outcome] = {
        var sums: [UInt64: UInt64] = [:]
        var changes: UInt64 = 0
        return writes.map { write in
            let key = number(write.key)
            let x = number(write.value)
            if x % 17 == 3 { return .rejected(42, "no") }
            switch x % 997 {
            case 5: return .failed(.outOfFuel)
            case 6, 8: return .failed(.unreachable)
            case 7: return .rejected(43, "undone")
            default: break
            }
            sums[key, default: 0] += x
            changes += 1
            let sum = Outcome.Output(action: .put, key: write.key, value: bytes(of: sums[key] ?? 0))
            return switch x % 997 {
            case 9: .ignored
            case 10: .accepted
            case 11:
                .emitted([.init(action: .put, key: write.key, value: bytes(of: changes)), sum])
            default: .emitted([sum])
            }
        }
    }()

    private static func number(_ bytes: [UInt8]) -> UInt64 {
        bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    private static let reference: (hash: UInt64, image: [UInt8])? = {
        guard let module = try? TestPrograms.module(.poison, limits: limits),
            let topic = try? TestTopic(module, batchSize: 100, limits: limits),
            (try? topic.write(writes)) != nil
        else { return nil }
        return (topic.program.stateHash(), topic.program.image())
    }()

    @Test func theStreamHasEveryKindOfEnd() {
        let expected = Self.expected
        #expect(expected.count { $0 == .failed(.outOfFuel) } > 5)
        #expect(expected.count { $0 == .failed(.unreachable) } > 10)
        #expect(expected.count { $0 == .rejected(43, "undone") } > 5)
        #expect(expected.count { $0 == .rejected(42, "no") } > 1_000)
        #expect(expected.count { $0 == .accepted } > 5 && expected.count { $0 == .ignored } > 5)
    }

    @Test(arguments: [1, 7, 100, 1000, 4096])
    func everyBatchSizeGivesTheSame(batchSize: Int) throws {
        let module = try TestPrograms.module(.poison, limits: Self.limits)
        let topic = try TestTopic(module, batchSize: batchSize, limits: Self.limits)
        #expect(try topic.write(Self.writes) == Self.expected)
        let reference = try #require(Self.reference)
        #expect(topic.program.stateHash() == reference.hash)
        #expect(topic.program.image() == reference.image)
    }

    @Test(arguments: [(1, 500), (5_001, 100), (12_345, 4096), (19_999, 7)])
    func goingOnFromAnImageGivesTheSame(place: Int, batchSize: Int) throws {
        let module = try TestPrograms.module(.poison, limits: Self.limits)
        let before = try TestTopic(module, batchSize: batchSize, limits: Self.limits)
        var outcomes = try before.write(Array(Self.writes[..<place]))
        let image = before.program.image()
        let after = try TestTopic(module, image: image, after: before, limits: Self.limits)
        #expect(after.program.image() == image)
        #expect(after.program.stateHash() == before.program.stateHash())
        outcomes += try after.write(Array(Self.writes[place...]))
        #expect(outcomes == Self.expected)
        #expect(after.program.stateHash() == (try #require(Self.reference)).hash)
    }

    /// A program that breaks the rule by counting its calls differs by batch, and yet a roll-back of
    /// it does what was done before: the same batches give the same.
    @Test func theSameBatchesGiveTheSameWhateverTheProgramDoes() throws {
        var module = WasmBuilder()
        module.globals = [[0x7f, 1, 0x41, 0, 0x0b]]
        // global += count; consumes all; a batch at every 5th total traps.
        module.functions[4] = (
            2,
            [0, 0x23, 0, 0x20, 1, 0x6a, 0x24, 0, 0x23, 0, 0x41, 5, 0x70, 0x45, 0x04, 0x40, 0x00]
                + [0x0b, 0x20, 1, 0xad, 0x42, 32, 0x86, 0x0b]
        )
        let compiled = try ProgramModule(module.bytes, engine: TestPrograms.engine())
        let writes = (0..<2_000).map { TestWrite("k\($0)", "") }
        let topics = try (0..<2).map { _ in try TestTopic(compiled, batchSize: 13) }
        let outcomes = try topics.map { try $0.write(writes) }
        #expect(outcomes[0] == outcomes[1])
        #expect(outcomes[0].contains(.failed(.unreachable)))
        #expect(topics[0].program.stateHash() == topics[1].program.stateHash())
    }
}
