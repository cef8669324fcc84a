import Foundation
import ThalwegModel
import ThalwegWire

/// Many sources write as fast as the server takes it: `thalweg bench write`.
///
/// Starts a server unless one is given, runs the load, and then, in the same run, the peers that
/// were asked for. Throws what the server answers to a handshake or a topic, and `connection_lost`.
public func runWrite(_ options: WriteOptions) throws -> WriteReport {
    try options.load.check()
    try LoadOptions.check("--subscribers", options.subscribers, 0...16_384)
    let progress = Progress(quiet: options.quiet)
    var options = options
    var zero: WriteReport?
    if options.subscribers > 0 {
        options.load.stampsPatches = true
        var without = options
        without.subscribers = 0
        progress.say("without subscribers")
        zero = try measureWrites(without, progress)
        progress.say("with \(options.subscribers)")
    }
    var report = try measureWrites(options, progress)
    if options.server.nodes > 1 {
        var one = options
        one.server.nodes = 1
        progress.say("one node")
        let alone = try measureWrites(one, progress)
        report.oneNodeOpsPerSecond = alone.opsPerSecond
        report.ratioToOneNode = report.opsPerSecond / alone.opsPerSecond
    }
    if let zero {
        report.zeroSubscribersOpsPerSecond = zero.opsPerSecond
        report.zeroSubscribersServerCpuNsPerOp = zero.serverCpuNsPerOp
        report.ratioToZeroSubscribers = report.opsPerSecond / zero.opsPerSecond
    }
    if options.sink {
        try measureSink(options, Progress(quiet: options.quiet), &report)
    }
    if let redis = options.redis {
        let peer = RedisPeer(
            valueBytes: max(1, Int(report.bytesPerOp.rounded())),
            clients: max(1, options.load.workers),
            keys: options.load.entities,
            seconds: options.duration.seconds
        )
        let figures = try peer.measure(redis, progress)
        report.redisOpsPerSecond = figures.withoutLog
        report.redisAofOpsPerSecond = figures.withLog
        report.ratioToRedis = figures.withoutLog.map { report.opsPerSecond / $0 }
        report.ratioToRedisAof = figures.withLog.map { report.opsPerSecond / $0 }
        report.redisNote = figures.note
    }
    return report
}

private func measureWrites(
    _ options: WriteOptions,
    _ progress: Progress
) throws -> WriteReport {
    let server = try MeasuredServer(options.server)
    defer { server.stop() }
    let control = try BenchConnection(server.endpoint, claim: .readOnly, name: "bench")
    let topic = try control.createTopic(
        Player.definition(windowMilliseconds: options.windowMilliseconds)
    )
    // What a bootstrap brings has to be there before.
    let filler =
        options.bootstrap ? try Filler(server.endpoint, topic.id, options.load) : nil
    defer { withExtendedLifetime(filler) {} }
    let load = try LoadRun(options.load, endpoint: server.endpoint, topic: topic.id) {
        LoadRun.randomLoad(options.load, worker: $0)
    }
    let subscribers =
        options.subscribers == 0
        ? nil
        : try Subscribers(
            count: options.subscribers,
            endpoint: server.endpoint,
            topic: topic.id,
            bootstrap: options.bootstrap,
            includePrevious: options.includePrevious,
            latencyStride: options.load.rate > 0 ? 1 : 7
        )
    let before = try control.status()
    let cpuBefore = server.cpuNanoseconds
    let receiving = subscribers?.start()
    let result = try load.run(.after(options.duration), progress: progress, phase: "write")
    let cpuAfter = server.cpuNanoseconds
    let after = try control.status()
    var received: SubscriberResult?
    if let subscribers, let receiving {
        let tail = try control.request(DescribeTopic(topic.definition.name), answer: TopicInfo.self)
        subscribers.finish(at: tail.lastOffset)
        received = try receiving.join().value
    }
    var report = WriteReport(
        options,
        result,
        threads: load.threadCount,
        counters: ServerCounters(before: before, after: after)
    )
    if case .coalesced(let window) = topic.definition.options.writes {
        report.windowMs = Double(window) / 1_000
    }
    if let cpuBefore, let cpuAfter, result.writes > 0 {
        report.serverCpuNsPerOp = Double(cpuAfter - cpuBefore) / Double(result.writes)
    }
    if let received { report.add(received) }
    return report
}

private func measureSink(
    _ options: WriteOptions,
    _ progress: Progress,
    _ report: inout WriteReport
) throws {
    let sink = try MeasuredServer.startSink(options.server)
    defer { sink.stop() }
    let control = try BenchConnection(sink.endpoint, claim: .readOnly, name: "bench")
    let topic = try control.createTopic(
        Player.definition(windowMilliseconds: options.windowMilliseconds)
    )
    let load = try LoadRun(options.load, endpoint: sink.endpoint, topic: topic.id) {
        LoadRun.randomLoad(options.load, worker: $0)
    }
    let before = ProcessFigures.cpuNanoseconds(of: sink.processID)
    let result = try load.run(.after(options.duration), progress: progress, phase: "sink")
    let after = ProcessFigures.cpuNanoseconds(of: sink.processID)
    guard result.writes > 0 else { return }
    report.sinkOpsPerSecond = result.writesPerSecond
    report.ratioToSink = report.opsPerSecond / result.writesPerSecond
    report.sinkClientCpuNsPerOp = Double(result.clientCPUNanoseconds) / Double(result.writes)
    if let before, let after {
        report.sinkServerCpuNsPerOp = Double(after - before) / Double(result.writes)
    }
    report.sinkNote =
        "one thread, epoll, 256 KiB a read; parses frame headers only, no payload, no checksum"
}

extension WriteReport {
    init(
        _ options: WriteOptions,
        _ result: LoadResult,
        threads: Int,
        counters: ServerCounters
    ) {
        let writes = Double(max(1, result.writes))
        self.init(
            commandLine: options.commandLine,
            machine: .current(),
            seed: options.load.seed,
            sharedMachine: "the load generator and all peers run on the server's machine",
            nodes: options.server.nodes,
            workers: options.load.workers,
            threads: threads,
            entities: options.load.entities,
            mix: options.load.mix.description,
            hotPct: options.load.hotPercent,
            rate: options.load.rate,
            subscribers: options.subscribers,
            writesPerFrame: Double(result.writes) / Double(max(1, result.frames)),
            durationS: result.seconds,
            ops: result.writes,
            opsPerSecond: result.writesPerSecond,
            workerOpsPerSecond: Spread(
                result.writesOfWorkers.map { Double($0) / result.seconds }
            ),
            errors: result.errors + Int(counters.grown("invalid") ?? 0),
            bytesPerOp: Double(result.bytes) / writes,
            clientCpuNsPerOp: Double(result.clientCPUNanoseconds) / writes,
            serverCounters: counters.all
        )
        fsync = counters.now("fsync_always").map { $0 == 0 ? "not always" : "always" }
        fsyncs = counters.grown("fsyncs")
        entries = counters.grown("entries")
        netChanges = counters.grown("net_changes")
        logBytes = counters.grown("log_bytes")
        logBytesPerSecond = logBytes.map { Double($0) / result.seconds }
        if let netChanges, netChanges > 0 {
            coalescingRatio = Double(result.writes) / Double(netChanges)
            if let entries, entries > 0 {
                dirtyRecordsPerWindow = Double(netChanges) / Double(entries)
            }
        }
    }

    mutating func add(_ received: SubscriberResult) {
        subscriberChanges = received.changes
        subscriberChangesPerSecond = Double(received.changes) / durationS
        subscriberDeliveries = received.deliveries
        subscriberBytes = received.bytes
        subscriptionsEnded = received.ended
        bootstrapMs = received.bootstrapSeconds.map { $0 * 1_000 }
        catchUpMs = received.catchUpSeconds.map { $0 * 1_000 }
        notificationsPerSecond =
            Double(received.changes - received.bootstrapChanges) / durationS
        notificationLatency = received.latencies
        notificationP50Us = received.latencies?.p50Us
        notificationP99Us = received.latencies?.p99Us
        notificationP999Us = received.latencies?.p999Us
    }
}
