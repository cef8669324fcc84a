import Testing
import ThalwegModel
import ThalwegPrograms

@Suite(.enabled(if: TestPrograms.canRun, TestPrograms.advice)) struct ImageTests {
    private static func used() throws -> TestTopic {
        let topic = try TestTopic(TestPrograms.module(.orders))
        _ = try topic.write((0..<10).map { TestWrite("k\($0)", $0 == 5 ? "t" : "c") })
        _ = try topic.write("k", "M")
        return topic
    }

    /// Mutable globals that the module keeps to itself are part of the state too.
    @Test func hiddenGlobalsAreInTheImage() throws {
        var module = WasmBuilder()
        module.globals = [
            [0x7f, 1, 0x41, 0, 0x0b], [0x7e, 1, 0x42, 5, 0x0b], [0x7f, 0, 0x41, 3, 0x0b],
            [0x7c, 1, 0x44, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f, 0x0b],
        ]
        // Each write traps when the global has come to 3.
        module.functions[4] = (
            2,
            [0, 0x23, 0, 0x41, 3, 0x46, 0x04, 0x40, 0x00, 0x0b, 0x23, 0, 0x20, 1, 0x6a, 0x24, 0]
                + [0x20, 1, 0xad, 0x42, 32, 0x86, 0x0b]
        )
        let compiled = try ProgramModule(module.bytes, engine: TestPrograms.engine())
        let topic = try TestTopic(compiled, batchSize: 1)
        let writes = (0..<2).map { _ in TestWrite("k", "") }
        #expect(try topic.write(writes) == [.ignored, .ignored])
        let restored = try TestTopic(compiled, image: topic.program.image(), after: topic)
        #expect(try restored.write(writes) == [.ignored, .failed(.unreachable)])
        #expect(try topic.write(writes) == [.ignored, .failed(.unreachable)])
        #expect(topic.program.stateHash() == restored.program.stateHash())
    }

    @Test func countersAreInTheImage() throws {
        let topic = try Self.used()
        let restored = try TestTopic(
            TestPrograms.module(.orders), image: topic.program.image(), after: topic)
        #expect(restored.program.counters == topic.program.counters)
        #expect(restored.program.memoryBytes == topic.program.memoryBytes)
        #expect(try restored.write("k", "c") == topic.write("k", "c"))
    }

    @Test func emptyMemoryCostsNothing() throws {
        let topic = try Self.used()
        #expect(topic.program.memoryBytes > 2 << 20)
        #expect(topic.program.image().count < 64 << 10)
    }

    @Test func theHashSeesEveryChange() throws {
        let topic = try TestTopic(TestPrograms.module(.orders))
        var seen: Set<UInt64> = [topic.program.stateHash()]
        for order in ["c", "n", "rno", "t", "a", "M"] {
            _ = try topic.write("k", order)
            #expect(seen.insert(topic.program.stateHash()).inserted, "\(order)")
        }
    }

    /// What a topic's hash has of a program: all of it, or of a larger memory one part after the other.
    @Test func theHashedStateSeesEveryChangeInOneOfItsParts() throws {
        let topic = try TestTopic(TestPrograms.module(.orders))
        let whole = topic.program.memoryBytes
        let part = 256 << 10
        let parts = (whole + part - 1) / part
        #expect(parts > 4)
        func copies() -> [[UInt8]] {
            (0..<parts).map { topic.program.hashedState(UInt64($0 + 7 * parts), memoryBytes: part) }
        }
        var before = copies()
        var wholes: Set<[UInt8]> = [topic.program.hashedState(3, memoryBytes: whole)]
        for order in ["c", "n", "rno", "t", "a", "M"] {
            _ = try topic.write("k", order)
            let after = copies()
            #expect(zip(before, after).contains { $0 != $1 }, "\(order)")
            let state = topic.program.hashedState(
                UInt64(wholes.count), memoryBytes: topic.program.memoryBytes)
            #expect(wholes.insert(state).inserted, "\(order)")
            before = after
        }
        // The parts together have every page that the whole has.
        let restored = try TestTopic(
            TestPrograms.module(.orders), image: topic.program.image(), after: topic)
        for choice in 0..<UInt64(parts) {
            #expect(
                restored.program.hashedState(choice, memoryBytes: part)
                    == topic.program.hashedState(choice, memoryBytes: part))
        }
    }

    @Test func anImageOfAnotherModuleIsRefused() throws {
        let image = try Self.used().program.image()
        do throws(ThalwegError) {
            _ = try Program(module: try module(.poison), image: image)
            Issue.record("it was restored")
        } catch {
            #expect(error.code == .invalidProgramImage)
            #expect(error.message.contains("another module"))
        }
    }

    @Test func damageIsFoundWhereverItIs() throws {
        let image = try Self.used().program.image()
        let module = try TestPrograms.module(.orders)
        let seed: UInt64 = 0x7e57_0003
        var random = SplitMix(seed: seed)
        for round in 0..<60 {
            var damaged = image
            if round % 3 == 0 {
                damaged.removeLast(1 + random.below(damaged.count))
            } else {
                damaged[random.below(damaged.count)] ^= UInt8(1 << random.below(8))
            }
            do throws(ThalwegError) {
                _ = try Program(module: module, image: damaged)
                Issue.record("it was restored, seed \(seed)")
            } catch {
                #expect(error.code == .invalidProgramImage, "seed \(seed)")
            }
        }
    }

    private func module(_ name: TestPrograms.Name) throws(ThalwegError) -> ProgramModule {
        do {
            return try TestPrograms.module(name)
        } catch {
            throw ThalwegError(.programEngineMissing, "\(error)")
        }
    }
}
