import ThalwegModel
import ThalwegWire

/// One server under the load, which it gets a turn at a time.
final class WriteContestant {
    private let options: WriteOptions
    private let phase: String
    private let server: MeasuredServer
    private let control: BenchConnection
    private let topic: TopicInfo
    /// Holds what a bootstrap brings.
    private let filler: Filler?
    private let load: LoadRun

    private var turns: [Turn] = []

    private struct Turn {
        var result: LoadResult
        var counters: ServerCounters
        /// Processor time of the server; `nil` where it is not known.
        var serverCPUNanoseconds: UInt64?
        var received: SubscriberResult?

        mutating func add(_ later: Turn) {
            result.add(later.result)
            counters.add(later.counters)
            serverCPUNanoseconds = serverCPUNanoseconds.flatMap { sum in
                later.serverCPUNanoseconds.map { sum + $0 }
            }
            if let more = later.received { received?.add(more) }
        }
    }

    /// Starts the server, or connects to the given one, and connects the writers.
    init(_ options: WriteOptions, phase: String) throws {
        self.options = options
        self.phase = phase
        server = try MeasuredServer(options.server)
        control = try BenchConnection(server.endpoint, claim: .readOnly, name: "bench")
        topic = try control.createTopic(
            Player.definition(windowMilliseconds: options.windowMilliseconds)
        )
        filler = options.bootstrap ? try Filler(server.endpoint, topic.id, options.load) : nil
        load = try LoadRun(options.load, endpoint: server.endpoint, topic: topic.id) {
            LoadRun.randomLoad(options.load, worker: $0)
        }
    }

    func stop() { server.stop() }

    /// The load, with the subscribers on; they are through with it when this returns.
    func takeTurn(_ duration: Duration, _ progress: Progress) throws {
        let subscribers = try subscribe()
        let receiving = subscribers?.start()
        let before = try control.status()
        let cpuBefore = server.cpuNanoseconds
        let result = try load.run(.after(duration), progress: progress, phase: phase)
        let cpuAfter = server.cpuNanoseconds
        var turn = Turn(
            result: result,
            counters: ServerCounters(before: before, after: try control.status())
        )
        if let cpuBefore, let cpuAfter { turn.serverCPUNanoseconds = cpuAfter - cpuBefore }
        if let subscribers, let receiving {
            let name = topic.definition.name
            let tail = try control.request(DescribeTopic(name), answer: TopicInfo.self)
            subscribers.finish(at: tail.lastOffset)
            turn.received = try receiving.join().value
        }
        turns.append(turn)
    }

    /// A bootstrap is in the first turn.
    private func subscribe() throws -> Subscribers? {
        guard options.subscribers > 0 else { return nil }
        return try Subscribers(
            count: options.subscribers,
            endpoint: server.endpoint,
            topic: topic.id,
            bootstrap: options.bootstrap && turns.isEmpty,
            includePrevious: options.includePrevious,
            latencyStride: options.load.rate > 0 ? 1 : 7
        )
    }

    /// What all turns came to.
    func report() -> WriteReport {
        guard var all = turns.first else {
            preconditionFailure("a report is of at least one turn")
        }
        for turn in turns.dropFirst() { all.add(turn) }
        var report = WriteReport(
            options,
            all.result,
            threads: load.threadCount,
            counters: all.counters
        )
        report.opsPerSecondOfTurns = turns.map(\.result.writesPerSecond)
        if case .coalesced(let window) = topic.definition.options.writes {
            report.windowMs = Double(window) / 1_000
        }
        if let nanoseconds = all.serverCPUNanoseconds, all.result.writes > 0 {
            report.serverCpuNsPerOp = Double(nanoseconds) / Double(all.result.writes)
        }
        if let received = all.received { report.add(received) }
        return report
    }
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
