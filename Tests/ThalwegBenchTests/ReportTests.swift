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
            "ratio_to_zero_subscribers", "notifications_per_second", "notification_p50_us",
            "notification_p99_us", "notification_p999_us", "ops_per_second_of_turns",
            "zero_subscribers_ops_per_second_of_turns", "one_node_ops_per_second_of_turns",
            "zero_subscribers_ops_per_second",
        ]
        #expect(try promised.subtracting(keys(writeReport)).isEmpty)
    }

    @Test func `what is compared takes turns of equal length, and each begins as often`() {
        func turns(_ count: Int, _ duration: Duration, isPaced: Bool = false) -> Turns {
            Turns(of: count, for: duration, isPaced: isPaced)
        }
        #expect(turns(1, .seconds(10)).order == [0])
        #expect(turns(1, .seconds(10)).length == .seconds(10))
        #expect(turns(2, .seconds(10)).order == [0, 1, 1, 0, 0, 1, 1, 0])
        #expect(turns(2, .seconds(10)).length == .milliseconds(2_500))
        #expect(turns(3, .milliseconds(50)).order == [0, 1, 2])
        #expect(turns(3, .milliseconds(50)).length == .milliseconds(50))
        #expect(turns(2, .seconds(10), isPaced: true).order == [0, 1])
        #expect(turns(2, .seconds(10), isPaced: true).length == .seconds(10))
    }

    @Test func `a load of two turns has the writes and the time of both`() {
        var result = LoadResult(
            writes: 1_000, bytes: 69_000, frames: 2, seconds: 0.5, writesOfWorkers: [400, 600],
            clientCPUNanoseconds: 30_000, errors: 1)
        result.add(
            LoadResult(
                writes: 500, bytes: 34_000, frames: 1, seconds: 0.5, writesOfWorkers: [500, 0],
                clientCPUNanoseconds: 10_000, errors: 3))
        #expect(result.writes == 1_500)
        #expect(result.writesPerSecond == 1_500)
        #expect(result.bytes == 103_000)
        #expect(result.frames == 3)
        #expect(result.writesOfWorkers == [900, 600])
        #expect(result.clientCPUNanoseconds == 40_000)
        // A connection counts its errors over all turns.
        #expect(result.errors == 3)
    }

    @Test func `counters of two turns leave out what grew between them`() {
        var counters = ServerCounters(
            before: ["entries": 10, "records": 5], after: ["entries": 14, "records": 9])
        counters.add(
            ServerCounters(
                before: ["entries": 100, "records": 9],
                after: ["entries": 103, "records": 2, "invalid": 6]))
        #expect(counters.grown("entries") == 7)
        #expect(counters.grown("invalid") == 6)
        #expect(counters.now("records") == 2)
        #expect(counters.all == ["entries": 7, "records": 2, "invalid": 6])
    }

    @Test func `subscribers of two turns have received what came in both`() {
        var first = SubscriberResult(
            deliveries: 3, changes: 30, bootstrapChanges: 20, bytes: 900, bootstrapSeconds: 0.25,
            catchUpSeconds: 0.5)
        first.recorder.record(nanoseconds: 1_000_000)
        var second = SubscriberResult(
            deliveries: 2, changes: 7, bytes: 100, catchUpSeconds: 0.125, ended: 1)
        second.recorder.record(nanoseconds: 3_000_000)
        second.recorder.record(nanoseconds: 3_000_000)
        first.add(second)
        #expect(first.deliveries == 5)
        #expect(first.changes == 37)
        #expect(first.bootstrapChanges == 20)
        #expect(first.bytes == 1_000)
        #expect(first.bootstrapSeconds == 0.25)
        #expect(first.catchUpSeconds == 0.5)
        #expect(first.ended == 1)
        #expect(first.latencies?.count == 3)
        #expect((2_990...3_010).contains(first.latencies?.p50Us ?? 0))
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

    @Test func `a report of bootstraps has each promised key, measured or not`() throws {
        let report = BootstrapReport(
            commandLine: [],
            machine: .current(),
            seed: 1,
            entities: 10,
            windowMs: 20,
            rounds: 1,
            records: 10,
            bytes: 1_200,
            seconds: 0.5,
            secondsOfRounds: [0.5],
            recordsPerSecond: 20,
            rate: 0,
            errors: 0
        )
        let promised: Set<String> = [
            "records", "bytes", "seconds", "records_per_second", "seconds_under_writes",
            "write_stall_ms_max", "write_gap_ms_max_before", "writes_per_second", "seed",
            "command_line", "machine", "errors",
        ]
        #expect(try promised.subtracting(keys(report)).isEmpty)
    }

    @Test func `a report of resumes has each promised key`() throws {
        let report = ResumeReport(
            commandLine: [],
            machine: .current(),
            seed: 1,
            entities: 100,
            windowMs: 20,
            rounds: 1,
            changedPct: 1,
            changed: 1,
            bootstrapRecords: 100,
            bootstrapBytes: 12_000,
            bootstrapSeconds: 0.1,
            bootstrapSecondsOfRounds: [0.1],
            resumeRecords: 1,
            resumeBytes: 120,
            resumeSeconds: 0.001,
            resumeSecondsOfRounds: [0.001],
            resumeRatio: 1,
            resumeSecondsRatio: 1,
            wasReset: false,
            errors: 0
        )
        let promised: Set<String> = [
            "resume_bytes", "resume_seconds", "bootstrap_bytes", "bootstrap_seconds",
            "resume_ratio", "resume_seconds_ratio", "changed", "changed_pct", "errors",
        ]
        #expect(try promised.subtracting(keys(report)).isEmpty)
        #expect(report.table().contains("1.00 %"))
    }

    @Test func `a report of a fan-out has each promised key, measured or not`() throws {
        let report = FanoutReport(
            commandLine: [],
            machine: .current(),
            seed: 1,
            entities: 100,
            mix: "70/20/10",
            rate: 10,
            windowMs: 20,
            subscribers: 4,
            filters: 2,
            connections: 1,
            subscribeSeconds: 0.1,
            durationS: 1,
            ops: 10,
            opsPerSecond: 10,
            notificationsPerSecond: 20,
            notifications: 20,
            deliveries: 4,
            deliveredBytes: 2_400,
            subscriptionsEnded: 0,
            errors: 0,
            serverCounters: [:]
        )
        let promised: Set<String> = [
            "subscribers", "filters", "connections", "notifications_per_second",
            "memory_bytes_per_idle_subscription", "server_cpu_us_per_window",
            "server_cpu_us_per_window_without_subscribers", "server_cpu_ns_per_notification",
            "server_notifications", "windows", "subscriptions_ended", "errors",
        ]
        #expect(try promised.subtracting(keys(report)).isEmpty)
    }

    @Test func `a gap counts where it touches the time that is looked at`() {
        let answers: [UInt64] = [0, 50, 60, 80, 200].map { $0 * 1_000_000 }
        func gap(_ from: UInt64, _ to: UInt64) -> Double? {
            CommitPulse.largestGapMilliseconds(answers, from: from * 1_000_000, to: to * 1_000_000)
        }
        #expect(gap(52, 79) == 20)
        #expect(gap(40, 79) == 50)
        #expect(gap(79, 81) == 120)
        #expect(gap(200, 300) == nil)
    }

    @Test func `a median is the middle, and of nothing it is nothing`() {
        #expect(median([3, 1, 2]) == 2)
        #expect(median([1, 4]) == 4)
        #expect(median([]) == nil)
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

    @Test func `a topic report has each promised key in each row`() throws {
        let cell = StreamCell(
            clients: 3, messages: 10_000, program: nil, inFlight: 1_024, usPerMessage: 3.5,
            p50Us: 900, p99Us: 2_000, fsyncs: nil, messagesPerFsync: nil,
            serverCpuUsPerMessage: nil, clientCpuUsPerMessage: 0.8, errors: 0)
        let report = StreamReport(
            commandLine: [], machine: .current(), valueBytes: 16, fsync: "always", cells: [cell])
        #expect(
            try keys(report) == [
                "scenario", "command_line", "machine", "value_bytes", "fsync", "cells",
            ])
        let object = try JSONSerialization.jsonObject(with: report.json()) as? [String: Any]
        let row = try #require((object?["cells"] as? [[String: Any]])?.first)
        #expect(
            Set(row.keys) == [
                "nodes", "clients", "messages", "program", "in_flight", "us_per_message", "p50_us",
                "p99_us", "fsyncs", "messages_per_fsync", "server_cpu_us_per_message",
                "client_cpu_us_per_message", "errors", "least_us_per_message",
                "greatest_us_per_message", "plain_us_per_message", "ratio_to_plain",
            ])
        #expect(row["program"] is NSNull && row["fsyncs"] is NSNull)
        #expect(row["nodes"] as? Int == 1)
    }

    @Test func `a row of a topic report is the run in the middle, with the errors of all`() {
        let runs = [4.0, 9, 2, 3, 5].map { figure in
            StreamCell(
                clients: 1, messages: 10, program: nil, inFlight: 1, usPerMessage: figure,
                p50Us: 10 * figure, p99Us: 0, fsyncs: nil, messagesPerFsync: nil,
                serverCpuUsPerMessage: nil, clientCpuUsPerMessage: 0, errors: 1)
        }
        let row = StreamCell.median(of: runs)
        #expect(row.usPerMessage == 4 && row.p50Us == 40 && row.errors == 5)
        #expect(row.leastUsPerMessage == 2 && row.greatestUsPerMessage == 9)
    }
}
