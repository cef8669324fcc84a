import Foundation
import Testing
import ThalwegModel

@testable import ThalwegBench

@Suite struct ProgramScenarioTests {
    private static let module = URL(fileURLWithPath: #filePath)
        .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        .appendingPathComponent("Programs/.build/programs/Transfer.wasm").path

    private static let areThere =
        ProcessInfo.processInfo.environment["THALWEG_REQUIRE_PROGRAMS"] != nil
        || [module, ".wasmtime"].allSatisfy { FileManager.default.fileExists(atPath: $0) }

    @Test(.enabled(if: areThere, "run 'make modules'"))
    func transfersAreAllAccepted() throws {
        var options = ProgramOptions()
        options.program = Self.module
        options.duration = .milliseconds(40)
        options.batch = 300
        options.quiet = true
        let report = try runProgram(options)
        #expect(report.program == "Transfer" && report.errors == 0 && report.calls > 0)
        let json = try JSONSerialization.jsonObject(with: try report.json()) as? [String: Any]
        for key in ["calls_per_second", "ns_per_call", "batch_size", "program"] {
            #expect(json?[key] != nil, "\(key)")
        }
    }

    @Test func aModuleThatIsNotThereIsNamed() {
        let error = #expect(throws: ThalwegError.self) { try ProgramLoad("/nowhere/none.wasm") }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains("/nowhere/none.wasm") == true)
    }

    @Test func limitsAreChecked() {
        var options = ProgramOptions()
        options.batch = 0
        #expect(throws: ThalwegError.self) { try runProgram(options) }
    }

    /// A transfer is of one from each account to the next: a round leaves every balance as it was.
    @Test(.enabled(if: areThere, "run 'make modules'"))
    func aRoundOfTransfersGivesAsMuchAsItTakes() throws {
        let load = try ProgramLoad(Self.module)
        var receivers: Set<[UInt8]> = []
        for number in 0..<ProgramLoad.keys {
            let value = load.value(number, putBytes: 3)
            #expect(value.count == 16 && value.first == 1)
            receivers.insert(Array(value.dropFirst(8)))
        }
        #expect(receivers.count == Int(ProgramLoad.keys))
        #expect(load.first?.count == 8)
    }
}
