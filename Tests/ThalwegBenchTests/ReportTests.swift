import Foundation
import Testing
import ThalwegModel

@testable import ThalwegBench

private func keys(_ report: some Report) throws -> Set<String> {
    let object = try JSONSerialization.jsonObject(with: report.json())
    return Set((object as? [String: Any])?.keys.map { $0 } ?? [])
}

@Suite struct ReportTests {
    private var writeReport: WriteReport {
        let result = LoadResult(
            writes: 1_000,
            bytes: 69_000,
            frames: 2,
            seconds: 0.5,
            writesOfWorkers: [400, 600],
            clientCPUNanoseconds: 30_000,
            errors: 0
        )
        let counters = ServerCounters(
            before: ["invalid": 1],
            after: [
                "invalid": 3, "entries": 4, "net_changes": 100, "log_bytes": 5_000, "fsyncs": 4,
                "fsync_always": 1,
            ]
        )
        return WriteReport(WriteOptions(), result, threads: 1, counters: counters)
    }

    @Test func `a write report has each promised key, measured or not`() throws {
        let promised: Set<String> = [
            "scenario", "workers", "entities", "mix", "subscribers", "duration_s", "ops",
            "ops_per_second", "worker_ops_per_second", "errors", "server_cpu_ns_per_op",
            "client_cpu_ns_per_op", "window_ms", "fsync", "log_bytes", "entries", "net_changes",
            "coalescing_ratio", "sink_ops_per_second", "ratio_to_sink", "redis_ops_per_second",
            "ratio_to_redis", "bytes_per_op", "log_bytes_per_second", "dirty_records_per_window",
            "machine", "seed", "command_line", "server_counters", "sink_server_cpu_ns_per_op",
        ]
        #expect(try promised.subtracting(keys(writeReport)).isEmpty)
    }

    @Test func `its figures follow from the counters`() throws {
        let report = writeReport
        #expect(report.opsPerSecond == 2_000)
        #expect(report.workerOpsPerSecond.min == 800)
        #expect(report.workerOpsPerSecond.max == 1_200)
        #expect(report.errors == 2)
        #expect(report.coalescingRatio == 10)
        #expect(report.dirtyRecordsPerWindow == 25)
        #expect(report.logBytesPerSecond == 10_000)
        #expect(report.clientCpuNsPerOp == 30)
        #expect(report.fsync == "always")
        #expect(report.table().contains("2000/s"))
    }

    @Test func `what was written is read back, and the unmeasured stays so`() throws {
        let report = writeReport
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let again = try decoder.decode(WriteReport.self, from: report.json())
        #expect(again.netChanges == 100)
        #expect(again.sinkOpsPerSecond == nil)
        #expect(try again.json() == report.json())
    }

    @Test func `a report of records has each promised key`() throws {
        let report = RecordsReport(
            commandLine: [],
            machine: .current(),
            seed: 1,
            workers: 4,
            mix: "70/20/10",
            records: 10,
            windowMs: 20,
            payloadBytesPerRecord: 84,
            loadSeconds: 1,
            loadOpsPerSecond: 10,
            opsPerSecond: 5,
            tenThousandOpsPerSecond: 10,
            ratioToTenThousand: 0.5,
            errors: 0
        )
        let promised: Set<String> = [
            "records", "payload_bytes_per_record", "memory_bytes_per_record_over_payload",
            "rss_bytes_per_record_over_payload", "load_ops_per_second", "ops_per_second",
            "ratio_to_10k", "restart_seconds", "restart_first_read_ms",
        ]
        #expect(try promised.subtracting(keys(report)).isEmpty)
    }

    @Test func `latencies are told in microseconds`() throws {
        var recorder = LatencyRecorder()
        #expect(recorder.latencies == nil)
        for microseconds in 1...1_000 { recorder.record(nanoseconds: UInt64(microseconds) * 1_000) }
        let latencies = try #require(recorder.latencies)
        #expect(latencies.count == 1_000)
        #expect(abs(latencies.p50Us - 500) < 2)
        #expect(abs(latencies.p99Us - 990) < 2)
    }

    @Test func `this process has used processor time and memory`() {
        let process = ProcessInfo.processInfo.processIdentifier
        #expect((ProcessFigures.cpuNanoseconds(of: process) ?? 0) > 0)
        #expect((ProcessFigures.residentBytes(of: process) ?? 0) > 1 << 20)
        #expect(Machine.current().cores > 0)
    }
}
