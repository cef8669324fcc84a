import Glibc
import ThalwegModel
import ThalwegWire

/// Many records: how fast they load, what they cost in memory, how writes over all of them compare
/// with writes over few, and how long a restart takes: `thalweg bench records`.
public func runRecords(_ options: RecordsOptions) throws -> RecordsReport {
    try options.load.check()
    try LoadOptions.check("--workers", options.load.workers, 1...min(4_096, options.load.entities))
    let server = try MeasuredServer(options.server)
    defer { server.stop() }
    // The workers' connections end with this call, before the server they are connected to.
    var report = try RecordsRun(options, server).measure(options)
    guard options.restart, server.isOwn else { return report }
    let (stopSeconds, startedAt) = try server.restart()
    report.stopSeconds = stopSeconds
    report.restartSeconds = Double(monotonicNanoseconds() - startedAt) / 1e9
    let control = try BenchConnection(server.endpoint, claim: .readOnly, name: "bench")
    let topic = try control.request(DescribeTopic(Player.topic), answer: TopicInfo.self)
    _ = try control.get(topic.id, keys: [UInt64(options.load.entities / 2)]) { $0.count }
    report.restartFirstReadMs = Double(monotonicNanoseconds() - startedAt) / 1e6
    report.recordsAfterRestart = topic.liveRecords
    return report
}

/// The phases before the restart.
private final class RecordsRun {
    private let server: MeasuredServer
    private let control: BenchConnection
    private let topic: TopicID
    private let load: LoadRun
    private let residentAtStart: UInt64?

    init(_ options: RecordsOptions, _ server: MeasuredServer) throws {
        self.server = server
        control = try BenchConnection(server.endpoint, claim: .readOnly, name: "bench")
        topic = try control.createTopic(
            Player.definition(windowMilliseconds: options.windowMilliseconds)
        ).id
        residentAtStart = server.residentBytes
        load = try LoadRun(options.load, endpoint: server.endpoint, topic: topic) { number in
            let (entities, workers) = (options.load.entities, options.load.workers)
            let part =
                UInt64(
                    entities * number / workers
                )..<UInt64(
                    entities * (number + 1) / workers
                )
            return PlayerLoad(
                seed: options.load.seed &+ UInt64(number),
                mix: .assertsOnly,
                picker: EntityPicker(entities: entities),
                sequence: part
            )
        }
    }

    func measure(_ options: RecordsOptions) throws -> RecordsReport {
        let records = options.load.entities
        let before = try control.status()
        let loaded = try load.run(
            .sequence,
            progress: Progress(quiet: options.quiet),
            phase: "load"
        )
        let afterLoad = try restingStatus()
        let resident = server.residentBytes

        let cpuBefore = server.cpuNanoseconds
        let random = try phase(options, options.load, topic, "random writes")
        let cpuAfter = server.cpuNanoseconds
        let small = try control.createTopic(
            Player.definition(
                windowMilliseconds: options.windowMilliseconds,
                topic: Player.topic + ".10k"
            )
        )
        var few = options.load
        few.entities = 10_000
        let compared = try phase(options, few, small.id, "writes over 10,000")
        let counters = ServerCounters(before: before, after: try control.status())

        let payload = Player.payloadBytes(records: records)
        func overPayload(_ bytes: UInt64?, _ start: UInt64?) -> Double? {
            guard let bytes else { return nil }
            return (Double(bytes) - Double(start ?? 0)) / Double(records) - payload
        }
        var report = RecordsReport(
            commandLine: options.commandLine,
            machine: .current(),
            seed: options.load.seed,
            workers: options.load.workers,
            mix: options.load.mix.description,
            records: records,
            windowMs: Double(options.windowMilliseconds),
            payloadBytesPerRecord: payload,
            loadSeconds: loaded.seconds,
            loadOpsPerSecond: loaded.writesPerSecond,
            opsPerSecond: random.writesPerSecond,
            tenThousandOpsPerSecond: compared.writesPerSecond,
            ratioToTenThousand: random.writesPerSecond / compared.writesPerSecond,
            errors: compared.errors + Int(counters.grown("invalid") ?? 0)
        )
        report.memoryBytesPerRecordOverPayload = overPayload(
            afterLoad["memory_bytes"],
            before["memory_bytes"]
        )
        report.rssBytesPerRecordOverPayload = overPayload(resident, residentAtStart)
        report.rssBytes = resident
        report.logBytes = counters.grown("log_bytes")
        if let cpuBefore, let cpuAfter, random.writes > 0 {
            report.serverCpuNsPerOp = Double(cpuAfter - cpuBefore) / Double(random.writes)
        }
        return report
    }

    /// The server's counters when its memory has not changed for two seconds: windows that nobody
    /// writes to give theirs back.
    private func restingStatus() throws -> [String: UInt64] {
        var last = try control.status()
        var since = monotonicNanoseconds()
        let end = since + 30_000_000_000
        while monotonicNanoseconds() < min(since + 2_000_000_000, end) {
            usleep(50_000)
            let now = try control.status()
            if now["memory_bytes"] != last["memory_bytes"] { since = monotonicNanoseconds() }
            last = now
        }
        return last
    }

    private func phase(
        _ options: RecordsOptions,
        _ loadOptions: LoadOptions,
        _ topic: TopicID,
        _ name: String
    ) throws -> LoadResult {
        for (number, worker) in load.workers.enumerated() {
            worker.change(to: LoadRun.randomLoad(loadOptions, worker: number), topic: topic)
        }
        return try load.run(
            .after(options.duration),
            progress: Progress(quiet: options.quiet),
            phase: name
        )
    }
}
