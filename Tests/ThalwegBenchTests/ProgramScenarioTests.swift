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

    /// Examples that the bench has no writes for say why, before a server is started.
    @Test(arguments: ["AcceptEven", "even", "Moves", "Sequence", "Stutter"])
    func anExampleWithoutFittingWritesIsNamed(program: String) {
        let error = #expect(throws: ThalwegError.self) { try ProgramLoad(program) }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains("'\(program)'") == true)
        #expect(error?.advice.contains("PassThrough") == true)
    }

    /// Each of the others accepts what it is given, alone and in entries of many batches.
    @Test(
        .enabled(if: areThere, "run 'make modules'"),
        arguments: ["PassThrough", "DoNothing", "Counter", "Transfer", "gate"])
    func everyOtherExampleAcceptsItsWrites(program: String) throws {
        var options = ProgramOptions()
        options.program = Self.module.replacing("Transfer.wasm", with: program + ".wasm")
        options.duration = .milliseconds(20)
        options.batch = 1
        options.batchesPerEntry = 100
        options.quiet = true
        let report = try runProgram(options)
        #expect(report.errors == 0 && report.calls > 0)
    }

    /// A module of somebody's own that does not take them is not measured.
    @Test(.enabled(if: areThere, "run 'make modules'"))
    func aProgramThatRefusesTheWritesIsNotMeasured() throws {
        let copy = FileManager.default.temporaryDirectory
            .appendingPathComponent("thalweg-\(UUID().uuidString).wasm")
        defer { try? FileManager.default.removeItem(at: copy) }
        let source = Self.module.replacing("Transfer.wasm", with: "Sequence.wasm")
        try FileManager.default.copyItem(atPath: source, toPath: copy.path)
        var options = ProgramOptions()
        options.program = copy.path
        options.duration = .milliseconds(20)
        options.quiet = true
        let error = #expect(throws: ThalwegError.self) { try runProgram(options) }
        #expect(error?.code == .invalidConfiguration)
        #expect(error?.message.contains("did not accept") == true)
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
