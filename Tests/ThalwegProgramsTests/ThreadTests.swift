import Glibc
import Synchronization
import Testing
import ThalwegModel
import ThalwegPrograms

/// Programs run on the thread of their caller.
@Suite(.enabled(if: TestPrograms.canRun, TestPrograms.advice)) struct ThreadTests {
    /// What a thread did: it cannot throw.
    private final class Report: Sendable {
        let text = Mutex("")
        let work: @Sendable () throws -> String

        init(_ work: @escaping @Sendable () throws -> String) { self.work = work }
    }

    private static func onThread(
        stackBytes: Int, _ work: @escaping @Sendable () throws -> String
    ) -> String {
        let report = Report(work)
        var attributes = pthread_attr_t()
        pthread_attr_init(&attributes)
        // A stack of our own: of the system's, a larger one may be used again.
        let stack = mmap(
            nil, stackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let stack, stack != MAP_FAILED else { return "no memory" }
        pthread_attr_setstack(&attributes, stack, stackBytes)
        defer {
            pthread_attr_destroy(&attributes)
            munmap(stack, stackBytes)
        }
        var thread = pthread_t()
        // Safe: the report lives until the thread has ended.
        let failed = pthread_create(
            &thread, &attributes,
            { pointer in
                guard let pointer else { return nil }
                let report = Unmanaged<Report>.fromOpaque(pointer).takeUnretainedValue()
                let text: String
                do { text = try report.work() } catch { text = "\(error)" }
                report.text.withLock { $0 = text }
                return nil
            }, Unmanaged.passUnretained(report).toOpaque())
        guard failed == 0 else { return "no thread" }
        pthread_join(thread, nil)
        return report.text.withLock { $0 }
    }

    @Test func aThreadWithTooLittleStackIsRefused() throws {
        let module = try TestPrograms.module(.orders)
        let text = Self.onThread(stackBytes: 1 << 20) {
            _ = try Program(module: module)
            return "it was deployed"
        }
        #expect(text.hasPrefix("program_init_failed") && text.contains("stack"), "\(text)")
    }

    /// The stack that is asked for is enough to trap, again and again.
    @Test func deepRecursionTrapsWithTheStackThatIsAskedFor() throws {
        let module = try TestPrograms.module(.orders)
        let text = Self.onThread(stackBytes: ProgramLimits.threadStackBytes + (256 << 10)) {
            let topic = try TestTopic(module)
            for _ in 0..<200 {
                guard try topic.write("k", "k") == .failed(.stackOverflow) else { return "no trap" }
            }
            return "\(try topic.write("k", "c") == .put("k", number: 1))"
        }
        #expect(text == "true")
    }

    @Test func oneModuleRunsOnManyThreads() async throws {
        let module = try TestPrograms.module(.orders)
        let orders = ["c", "k", "t", "uno", "M"]
        let texts = await withTaskGroup(of: String.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    Self.onThread(stackBytes: 8 << 20) {
                        let topic = try TestTopic(module, batchSize: 3)
                        let writes = (0..<500).map { TestWrite("k", orders[$0 % 5]) }
                        _ = try topic.write(writes)
                        return "\(topic.program.stateHash())"
                    }
                }
            }
            return await group.reduce(into: Set<String>()) { $0.insert($1) }
        }
        #expect(texts.count == 1 && texts.allSatisfy { UInt64($0) != nil }, "\(texts)")
    }
}
