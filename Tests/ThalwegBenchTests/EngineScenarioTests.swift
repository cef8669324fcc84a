import Foundation
import Testing
import ThalwegModel

@testable import ThalwegBench

@Suite struct EngineScenarioTests {
    private func options() -> EngineOptions {
        var options = EngineOptions()
        options.load.entities = 500
        options.load.workers = 3
        options.load.frameBytes = 4_096
        options.writes = 20_000
        options.windowWrites = 3_000
        options.quiet = true
        return options
    }

    @Test func everyWriteGoesThroughAndIsCounted() throws {
        let report = try runEngine(options())
        #expect(report.errors == 0)
        // The last frame is whole.
        #expect(report.ops >= 20_000 && report.ops < 20_200)
        // 500 records that nearly always all change in a window, and never more.
        #expect(report.windows >= 6 && report.netChanges > 6 * 400)
        #expect(report.netChanges <= report.windows * 500)
        #expect(report.bytesPerOp > 60 && report.bytesPerOp < 80)
        #expect(report.cpuNsPerOp.merge >= report.fastestCpuNsPerOp.merge)
        #expect(report.fastestCpuNsPerOp.merge > 0)
    }

    @Test func theReportHasItsFigures() throws {
        let report = try runEngine(options())
        let json = try JSONSerialization.jsonObject(with: try report.json()) as? [String: Any]
        for key in ["cpu_ns_per_op", "fastest_cpu_ns_per_op", "memory_after_load", "net_changes"] {
            #expect(json?[key] != nil, "\(key)")
        }
        // A header of 24 bytes and what rounding to 8 adds.
        #expect(report.memoryAfterLoad.header >= 24 && report.memoryAfterLoad.header < 32)
        #expect(report.memoryAtEnd.payload == Player.payloadBytes(records: 500))
    }

    @Test func limitsAreChecked() {
        var options = options()
        options.windowWrites = 0
        #expect(throws: ThalwegError.self) { try runEngine(options) }
    }
}
