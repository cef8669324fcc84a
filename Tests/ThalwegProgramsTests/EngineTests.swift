import Glibc
import Testing
import ThalwegModel
import ThalwegPrograms

@Suite struct MissingEngineTests {
    @Test(arguments: ["/nonexistent/libwasmtime.so", "/etc/passwd", "libm.so.6"])
    func aLibraryThatIsNotTheEngineIsAnErrorWithAdvice(path: String) {
        do throws(ThalwegError) {
            _ = try ProgramEngine(path: path)
            Issue.record("\(path) was opened")
        } catch {
            #expect(error.code == .programEngineMissing)
            #expect(error.advice.contains("get-wasmtime.sh"))
        }
    }
}

@Suite(.enabled(if: TestPrograms.canRun, TestPrograms.advice)) struct EngineTests {
    /// A server installs its own handlers, and a crash must look like one.
    @Test func theEngineTakesNoSignals() throws {
        func handlers() -> [UInt] {
            [SIGSEGV, SIGILL, SIGFPE, SIGBUS, SIGTRAP].map { signal in
                var action = sigaction()
                sigaction(signal, nil, &action)
                return unsafeBitCast(action.__sigaction_handler.sa_handler, to: UInt.self)
            }
        }
        let before = handlers()
        let topic = try TestTopic(
            TestPrograms.module(.orders))
        #expect(try topic.write("k", "o") == .failed(.memoryOutOfBounds))
        #expect(handlers() == before)
    }

    /// An engine made with a wrong configuration ends the process: it is made often enough here.
    @Test func enginesCanBeMadeAndDropped() throws {
        let path = try TestPrograms.engine().path
        for _ in 0..<20 {
            _ = try ProgramModule(WasmBuilder().bytes, engine: ProgramEngine(path: path))
        }
    }

    @Test func aModuleOfWrongTypesIsRefusedByTheEngine() throws {
        let engine = try TestPrograms.engine()
        do throws(ThalwegError) {
            // An i64 where an address should be.
            let prepared = try PreparedModule.prepare(
                WasmBuilder.with(body: [0x42, 0, 0x42, 0, 0x36, 2, 0]))
            _ = try ProgramModule(prepared, engine: engine)
            Issue.record("it was compiled")
        } catch {
            #expect(error.code == .invalidProgram)
            #expect(error.message.contains("type mismatch"), "\(error)")
        }
    }

    @Test func buffersOutsideOfMemoryAreRefused() throws {
        var module = WasmBuilder()
        module.memories = [[0, 2]]
        let compiled = try ProgramModule(module.bytes, engine: TestPrograms.engine())
        do throws(ThalwegError) {
            _ = try Program(module: compiled)
            Issue.record("it was deployed")
        } catch {
            #expect(error.code == .invalidProgram)
            #expect(error.message.contains("not buffers"))
        }
    }

    @Test func anotherInterfaceIsRefused() throws {
        var module = WasmBuilder()
        module.functions[0] = (0, [0, 0x41, 2, 0x0b])
        let compiled = try ProgramModule(module.bytes, engine: TestPrograms.engine())
        do throws(ThalwegError) {
            _ = try Program(module: compiled)
            Issue.record("it was deployed")
        } catch {
            #expect(error.message.contains("interface 2"))
        }
    }

    /// What passes prepare and the compiler also runs or traps; memory outside is never touched.
    @Test func mutatedModulesThatCompileDoNoHarm() throws {
        let engine = try TestPrograms.engine()
        let original = try TestPrograms.bytes(.orders)
        let seed: UInt64 = 0x7e57_0002
        var random = SplitMix(seed: seed)
        var limits = ProgramLimits()
        limits.fuelPerWrite = 1_000_000
        limits.fuelOfInitialiser = 1_000_000
        limits.memoryBytes = 4 << 20
        var compiled = 0
        for _ in 0..<300 {
            var module = original
            for _ in 0...random.below(2) {
                module[random.below(module.count)] = UInt8(random.below(256))
            }
            guard let ready = try? ProgramModule(module, engine: engine, limits: limits) else {
                continue
            }
            compiled += 1
            guard let topic = try? TestTopic(ready, limits: limits) else { continue }
            for order in ["a", "c", "s", "rno", "uno", "k", "t", "e"] {
                _ = try topic.write("k", order)
            }
        }
        #expect(compiled > 10, "seed \(seed)")
    }
}
