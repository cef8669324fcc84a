import Testing
import ThalwegModel
import ThalwegPrograms

/// What a module may be; needs no engine.
@Suite struct PrepareTests {
    private static func reason(_ module: [UInt8]) -> String {
        do throws(ThalwegError) {
            _ = try PreparedModule.prepare(module)
            return "accepted"
        } catch {
            return "\(error.code.name): \(error.message)"
        }
    }

    private static func edited(_ edit: (inout WasmBuilder) -> Void) -> [UInt8] {
        var builder = WasmBuilder()
        edit(&builder)
        return builder.bytes
    }

    @Test func aRightModuleIsAccepted() throws {
        let prepared = try PreparedModule.prepare(WasmBuilder().bytes)
        #expect(prepared.initialMemoryBytes == 32 * 65_536)
        #expect(prepared.imports.isEmpty)
        #expect(prepared.functions.contains("topic_batch"))
    }

    @Test func whatIsNoModuleIsRefused() {
        #expect(Self.reason([]).contains("not a WebAssembly"))
        #expect(Self.reason([UInt8](repeating: 0, count: 100)).contains("not a WebAssembly"))
        #expect(Self.reason(Array("#!/bin/sh\n".utf8)).contains("not a WebAssembly"))
        // A component, not a module.
        #expect(Self.reason([0, 0x61, 0x73, 0x6d, 13, 0, 1, 0]).contains("not a WebAssembly"))
        #expect(Self.reason([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]).contains("memory"))
    }

    @Test func aModuleThatIsTooLargeIsRefused() throws {
        var module = WasmBuilder()
        module.others = [(0, WasmBuilder.name("x") + [UInt8](repeating: 0, count: 4 << 20))]
        do throws(ThalwegError) {
            _ = try PreparedModule.prepare(module.bytes)
            Issue.record("it was accepted")
        } catch {
            #expect(error.code == .programTooLarge)
            #expect(error.limit == 4 << 20)
            #expect(error.value == UInt64(module.bytes.count))
        }
    }

    @Test(arguments: [
        ([0xfd, 0x0c] + [UInt8](repeating: 0, count: 16) + [0x1a], "SIMD"),
        ([0xfe, 0x03, 0], "threads"),
        ([0x12, 0], "tail calls"),
        ([0x08, 0], "exceptions"),
        ([0x06, 0x40, 0x0b], "exceptions"),
        ([0xd0, 0x70, 0x1a], "reference types"),
        ([0xfb, 0, 0], "garbage collection"),
        ([0x41, 0, 0x41, 0, 0x26, 0], "changes a table"),
        ([0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 14, 0, 0], "changes a table"),
        ([0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 12, 0, 0], "changes a table"),
        ([0x41, 0, 0x41, 0, 0x41, 0, 0xfc, 8, 0, 0], "passive data"),
        ([0x27], "unknown instruction"),
        ([0xfc, 99], "unknown instruction"),
        ([0x43], "cut short"),
    ])
    func instructionsThatProgramsMayNotHaveAreNamed(body: [UInt8], feature: String) {
        let reason = Self.reason(WasmBuilder.with(body: body))
        #expect(reason.hasPrefix("invalid_program") && reason.contains(feature), "\(reason)")
    }

    @Test func partsThatProgramsMayNotHaveAreNamed() {
        let constant: [UInt8] = [0x41, 0, 0x0b]
        let cases: [(String, (inout WasmBuilder) -> Void)] = [
            ("does not offer", { $0.imports = [("wasi_snapshot_preview1", "clock_time_get", 0)] }),
            ("does not offer", { $0.imports = [("topic", "now", 0)] }),
            ("another type", { $0.imports = [("topic", "log", 0)] }),
            ("start function", { $0.start = 3 }),
            ("threads", { $0.memories = [[3, 32, 32]] }),
            ("64-bit", { $0.memories = [[4, 32]] }),
            ("exactly one memory", { $0.memories = [[0, 32], [0, 32]] }),
            ("memory named", { $0.exports.removeFirst() }),
            ("does not export 'topic_batch'", { $0.exports.removeLast() }),
            ("another type", { $0.exports[5] = ("topic_batch", 0, 0) }),
            ("another type", { $0.exports.append(("topic_load", 0, 0)) }),
            (
                "only one of",
                {
                    $0.exports.append(("topic_big", 0, 5))
                    $0.add([0x60, 1, 0x7f, 1, 0x7f])
                }
            ),
            ("passive data", { $0.data = [[1, 0]] }),
            ("passive or declared", { $0.elements = [[1, 0, 0]] }),
            ("more than one table", { $0.tables = [[0x70, 0, 1], [0x70, 0, 1]] }),
            ("reference types", { $0.tables = [[0x6f, 0, 1]] }),
            ("elements", { $0.tables = [[0x70, 0] + WasmBuilder.number(100_001)] }),
            ("not a number", { $0.globals = [[0x70, 0, 0xd0, 0x70, 0x0b]] }),
            ("not a constant", { $0.globals = [[0x7f, 0, 0x23, 0, 0x0b]] }),
            ("one constant", { $0.globals = [[0x7f, 0, 0x41, 0, 0x41, 0, 0x6a, 0x0b]] }),
            ("SIMD", { $0.types.append([0x60, 1, 0x7b, 0]) }),
            ("not of functions", { $0.types.append([0x5f, 0]) }),
            ("10000 locals", { $0.functions.append((3, [1, 0x91, 0x4e, 0x7f, 0x0b])) }),
            ("unknown section", { $0.others = [(14, [0])] }),
            ("out of place", { $0.others = [(1, [0])] }),
            ("exceptions", { $0.others = [(13, [0])] }),
            ("cut short", { $0.others = [(11, [5])] }),
            ("too many bytes", { $0.others = [(11, [0, 0])] }),
            (
                "mutable globals",
                {
                    $0.globals = [[UInt8]](repeating: [0x7f, 1] + constant, count: 1_001)
                }
            ),
        ]
        for (feature, edit) in cases {
            let reason = Self.reason(Self.edited(edit))
            #expect(
                reason.hasPrefix("invalid_program") && reason.contains(feature),
                "\(feature): \(reason)")
        }
    }

    @Test func tooMuchMemoryIsRefusedWithTheNumbers() throws {
        let module = Self.edited { $0.memories = [[0] + WasmBuilder.number(4097)] }
        do throws(ThalwegError) {
            _ = try PreparedModule.prepare(module)
            Issue.record("it was accepted")
        } catch {
            #expect(error.code == .programTooLarge)
            #expect(error.limit == 256 << 20)
            #expect(error.value == 4097 << 16)
        }
    }

    /// A quarter of a megabyte of loops would compile for minutes.
    @Test func aModuleThatIsSlowToCompileIsRefused() {
        let loops = [[UInt8]](repeating: [0x03, 0x40, 0x0b], count: 15_000).flatMap { $0 }
        let reason = Self.reason(WasmBuilder.with(body: loops))
        #expect(reason.contains("too long to compile"), "\(reason)")
        let blocks = [[UInt8]](repeating: [0x02, 0x40, 0x0b], count: 3_000).flatMap { $0 }
        var module = WasmBuilder()
        module.functions.append((3, [1] + WasmBuilder.number(9_000) + [0x7f] + blocks + [0x0b]))
        #expect(Self.reason(module.bytes).contains("too long to compile"))
    }

    @Test func aFunctionThatIsTooLargeIsRefused() {
        let body = [UInt8](repeating: 0x01, count: ProgramLimits.functionBytes)
        #expect(Self.reason(WasmBuilder.with(body: body)).contains("a function has"))
    }

    /// Tables and memories are found in whatever the module calls them; other sections go.
    @Test func onlyTheNamesAreKeptOfCustomSections() throws {
        let plain = try PreparedModule.prepare(WasmBuilder().bytes)
        var module = WasmBuilder()
        module.others = [(0, WasmBuilder.name("producers") + [1, 2, 3])]
        #expect(try PreparedModule.prepare(module.bytes).bytes == plain.bytes)
        #expect(try PreparedModule.prepare(module.bytes).hash != plain.hash)
        let names = WasmBuilder.name("name") + [0, 2] + WasmBuilder.name("p")
        module.others = [(0, names)]
        #expect(try PreparedModule.prepare(module.bytes).bytes.count > plain.bytes.count)
    }

    /// Deterministic mutations of real modules: prepare answers, whatever it is given.
    @Test(arguments: [TestPrograms.Name.orders, .poison])
    func mutatedModulesNeverDoHarm(name: TestPrograms.Name) throws {
        let original = try TestPrograms.bytes(name)
        let seed: UInt64 = 0x7e57_0001
        var random = SplitMix(seed: seed)
        var refused = 0
        for _ in 0..<3_000 {
            var module = original
            switch random.below(4) {
            case 0: module.removeLast(random.below(module.count))
            case 1:
                let start = random.below(module.count)
                module.removeSubrange(start..<min(module.count, start + 1 + random.below(16)))
            default:
                for _ in 0...random.below(4) {
                    module[random.below(module.count)] = UInt8(random.below(256))
                }
            }
            if (try? PreparedModule.prepare(module)) == nil { refused += 1 }
        }
        #expect(refused > 500, "seed \(seed)")
    }
}

extension WasmBuilder {
    /// Adds a type and a function of it that returns 0.
    mutating func add(_ type: [UInt8]) {
        types.append(type)
        functions.append((UInt8(types.count - 1), [0, 0x41, 0, 0x0b]))
    }
}
