import Foundation
import Testing
import ThalwegModel
import ThalwegPrograms

/// The engine of programs and the modules that the tests deploy.
enum ProgramModules {
    private static let root = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// The library beside the sources; `nil` where the environment names another.
    static let engine: String? = {
        guard ProcessInfo.processInfo.environment["THALWEG_WASMTIME"] == nil else { return nil }
        return root.appendingPathComponent(".wasmtime/" + ProgramEngine.fileName).path
    }()

    private static func file(_ name: String) -> URL {
        root.appendingPathComponent("Programs/.build/programs/\(name).wasm")
    }

    /// Whether programs can be tested here; where not, suites say so and are skipped, or fail if
    /// `THALWEG_REQUIRE_PROGRAMS` is set.
    static let areThere: Bool = {
        if ProcessInfo.processInfo.environment["THALWEG_REQUIRE_PROGRAMS"] != nil { return true }
        guard (try? ProgramEngine(path: engine)) != nil else { return false }
        return FileManager.default.fileExists(atPath: file("Transfer").path)
    }()

    static let advice: Comment = "run 'make modules'"

    /// An example program, as `make modules` builds it.
    static func example(_ name: String) throws -> [UInt8] {
        Array(try Data(contentsOf: file(name)))
    }

    /// `orders.c` of the engine's own tests: the first byte of a value says what happens.
    static func orders() throws -> [UInt8] { try compiledOrders.get() }

    private static let compiledOrders = Result {
        let output = FileManager.default.temporaryDirectory
            .appendingPathComponent("thalweg-\(UUID().uuidString).wasm")
        defer { try? FileManager.default.removeItem(at: output) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.currentDirectoryURL = root.appendingPathComponent(
            "Tests/ThalwegProgramsTests/Programs")
        process.arguments = [
            "clang", "--target=wasm32-unknown-unknown", "-O2", "-mbulk-memory",
            "-mno-reference-types", "-mno-call-indirect-overlong", "-nostdlib", "-ffreestanding",
            "-fno-builtin", "-Wl,--no-entry", "-Wl,--stack-first", "-Wl,--export=__stack_pointer",
            "-o", output.path, "orders.c",
        ]
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "clang did not compile orders.c")
        return Array(try Data(contentsOf: output))
    }
}
