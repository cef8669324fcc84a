import Foundation
import Testing
import ThalwegModel
import ThalwegPrograms

/// The engine and the test programs, compiled once in a run.
enum TestPrograms {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    private static let opened: Result<ProgramEngine, ThalwegError> = {
        let beside = root.appendingPathComponent(".wasmtime/" + ProgramEngine.fileName).path
        do throws(ThalwegError) {
            let isSet = ProcessInfo.processInfo.environment["THALWEG_WASMTIME"] != nil
            return .success(try ProgramEngine(path: isSet ? nil : beside))
        } catch {
            return .failure(error)
        }
    }()

    static func engine() throws -> ProgramEngine { try opened.get() }

    /// Whether this machine can run programs; where it cannot, suites say so and are skipped, or
    /// fail if `THALWEG_REQUIRE_PROGRAMS` is set.
    static var canRun: Bool { isRequired || (try? opened.get()) != nil }

    static var isRequired: Bool {
        ProcessInfo.processInfo.environment["THALWEG_REQUIRE_PROGRAMS"] != nil
    }

    static let advice: Comment = "the engine is not installed: run 'sh scripts/get-wasmtime.sh'"

    // MARK: Modules

    enum Name: String, CaseIterable, Sendable {
        case poison = "poison.c"
        case orders = "orders.c"
        case ordersWithRecords = "orders.c -DRECORDS"
        case ordersWithBig = "orders.c -DBIG"
    }

    private static let compiled: [Name: Result<[UInt8], any Error>] = {
        var modules: [Name: Result<[UInt8], any Error>] = [:]
        for name in Name.allCases {
            let words = name.rawValue.split(separator: " ").map(String.init)
            modules[name] = Result { try compile(words) }
        }
        return modules
    }()

    static func bytes(_ name: Name) throws -> [UInt8] {
        try #require(compiled[name]).get()
    }

    static func module(
        _ name: Name, limits: ProgramLimits = ProgramLimits()
    ) throws -> ProgramModule {
        try ProgramModule(bytes(name), engine: engine(), limits: limits)
    }

    /// Runs the clang of the Swift toolchain: the first on the path that knows WebAssembly.
    private static func compile(_ words: [String]) throws -> [UInt8] {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Programs")
        let output = FileManager.default.temporaryDirectory
            .appendingPathComponent("thalweg-\(UUID().uuidString).wasm")
        defer { try? FileManager.default.removeItem(at: output) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.currentDirectoryURL = folder
        process.arguments =
            [
                "clang", "--target=wasm32-unknown-unknown", "-O2", "-mbulk-memory",
                "-mno-reference-types", "-mno-call-indirect-overlong", "-nostdlib",
                "-ffreestanding", "-fno-builtin", "-Wl,--no-entry", "-Wl,--stack-first",
                "-Wl,--export=__stack_pointer", "-o", output.path,
            ] + words
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "clang did not compile \(words)")
        return Array(try Data(contentsOf: output))
    }
}
