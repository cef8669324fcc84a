import ThalwegModel
import ThalwegWire

/// Many subscriptions, few of them alike, and what each change costs: `thalweg bench fanout`.
public func runFanout(_ options: FanoutOptions) throws -> FanoutReport {
    try options.load.check()
    try LoadOptions.check("--subscribers", options.subscribers, 1...1_000_000)
    try LoadOptions.check(
        "--filters",
        options.filters,
        1...min(options.subscribers, options.load.entities)
    )
    try LoadOptions.check("--per-connection", options.subscriptionsPerConnection, 1...1_000)
    try LoadOptions.check("--workers", options.load.workers, 1...4_096)
    let server = try MeasuredServer(options.server)
    defer { server.stop() }
    return try FanoutRun(options, server).measure()
}

private final class FanoutRun {
    private let options: FanoutOptions
    private let server: MeasuredServer
    private let control: BenchConnection
    private let topic: TopicID
    private let filler: Filler
    private let load: LoadRun
    private let progress: Progress

    init(_ options: FanoutOptions, _ server: MeasuredServer) throws {
        self.options = options
        self.server = server
        progress = Progress(quiet: options.quiet)
        control = try BenchConnection(server.endpoint, claim: .readOnly, name: "bench")
        topic = try control.createTopic(
            Player.definition(windowMilliseconds: options.windowMilliseconds)
        ).id
        filler = try Filler(server.endpoint, topic, options.load)
        load = try LoadRun(options.load, endpoint: server.endpoint, topic: topic) {
            LoadRun.randomLoad(options.load, worker: $0)
        }
    }

    func measure() throws -> FanoutReport {
        let without = try phase("write")
        let residentBefore = server.residentBytes
        let subscribers = try FanoutSubscribers(
            subscriptions: options.subscribers,
            perConnection: options.subscriptionsPerConnection,
            endpoint: server.endpoint
        ) { Subscribe(topic, from: .now, filter: options.filter(of: $0)) }
        let residentAfter = server.residentBytes
        let receiving = subscribers.start()
        // Where writing fails, nobody is to listen for ever.
        defer { subscribers.finish() }
        let with = try phase("fan out")
        subscribers.finish()
        let received = try receiving.join().value
        let settled = ServerCounters(before: with.counters.before, after: try control.status())

        var report = FanoutReport(
            commandLine: options.commandLine,
            machine: .current(),
            seed: options.load.seed,
            entities: options.load.entities,
            mix: options.load.mix.description,
            rate: options.load.rate,
            windowMs: Double(options.windowMilliseconds),
            subscribers: options.subscribers,
            filters: options.filters,
            connections: subscribers.connectionCount,
            subscribeSeconds: subscribers.subscribeSeconds,
            durationS: with.load.seconds,
            ops: with.load.writes,
            opsPerSecond: with.load.writesPerSecond,
            notificationsPerSecond: Double(received.changes) / with.load.seconds,
            notifications: received.changes,
            deliveries: received.deliveries,
            deliveredBytes: received.bytes,
            subscriptionsEnded: received.ended,
            errors: without.load.errors + with.load.errors
                + Int(settled.grown("invalid") ?? 0),
            serverCounters: settled.all
        )
        if let residentBefore, let residentAfter {
            report.memoryBytesPerIdleSubscription =
                (Double(residentAfter) - Double(residentBefore)) / Double(options.subscribers)
        }
        report.serverNotifications = settled.grown("notifications")
        report.windows = with.counters.grown("entries")
        report.serverCpuUsPerWindow = with.cpuMicrosecondsPerWindow
        report.serverCpuUsPerWindowWithoutSubscribers = without.cpuMicrosecondsPerWindow
        if let all = with.cpuMicrosecondsPerWindow, let writes = without.cpuMicrosecondsPerWindow,
            let windows = report.windows, received.changes > 0
        {
            report.serverCpuNsPerNotification =
                (all - writes) * 1_000 * Double(windows) / Double(received.changes)
        }
        return report
    }

    private struct Phase {
        let load: LoadResult
        let counters: ServerCounters
        let cpuNanoseconds: UInt64?

        var cpuMicrosecondsPerWindow: Double? {
            guard let cpuNanoseconds, let windows = counters.grown("entries"), windows > 0
            else { return nil }
            return Double(cpuNanoseconds) / 1_000 / Double(windows)
        }
    }

    private func phase(_ name: String) throws -> Phase {
        let before = try control.status()
        let cpuBefore = server.cpuNanoseconds
        let result = try load.run(.after(options.duration), progress: progress, phase: name)
        let cpuAfter = server.cpuNanoseconds
        let counters = ServerCounters(before: before, after: try control.status())
        var cpu: UInt64?
        if let cpuBefore, let cpuAfter { cpu = cpuAfter - cpuBefore }
        return Phase(load: result, counters: counters, cpuNanoseconds: cpu)
    }
}
