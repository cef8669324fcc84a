import ThalwegModel
import ThalwegWire

/// A new subscriber and all records, first in silence and then while others write:
/// `thalweg bench bootstrap`.
public func runBootstrap(_ options: BootstrapOptions) throws -> BootstrapReport {
    try options.load.check()
    try LoadOptions.check("--rounds", options.rounds, 1...1_000)
    let progress = Progress(quiet: options.quiet)
    let server = try MeasuredServer(options.server)
    defer { server.stop() }
    let control = try BenchConnection(server.endpoint, claim: .readOnly, name: "bench")
    let topic = try control.createTopic(
        Player.definition(windowMilliseconds: options.windowMilliseconds)
    )
    progress.say("loading \(options.load.entities) records")
    let filler = try Filler(server.endpoint, topic.id, options.load)
    defer { withExtendedLifetime(filler) {} }
    let before = try control.status()
    let silent = try catchUps(options.rounds, server.endpoint, topic.id)
    guard let first = silent.first, let seconds = median(silent.map(\.seconds)) else {
        preconditionFailure("there is a bootstrap for each round")
    }
    var report = BootstrapReport(
        commandLine: options.commandLine,
        machine: .current(),
        seed: options.load.seed,
        entities: options.load.entities,
        windowMs: Double(options.windowMilliseconds),
        rounds: options.rounds,
        records: first.changes,
        bytes: first.bytes,
        seconds: seconds,
        secondsOfRounds: silent.map(\.seconds),
        recordsPerSecond: Double(first.changes) / seconds,
        rate: options.load.rate,
        errors: 0
    )
    if options.load.workers > 0 {
        try measureUnderWrites(options, server.endpoint, topic.id, progress, &report)
    }
    let counters = ServerCounters(before: before, after: try control.status())
    report.errors += Int(counters.grown("invalid") ?? 0)
    return report
}

private func catchUps(_ rounds: Int, _ endpoint: Endpoint, _ topic: TopicID) throws -> [CatchUp] {
    try (0..<rounds).map { _ in try CatchUp(endpoint, topic, from: .start) }
}

private func measureUnderWrites(
    _ options: BootstrapOptions,
    _ endpoint: Endpoint,
    _ topic: TopicID,
    _ progress: Progress,
    _ report: inout BootstrapReport
) throws {
    let load = try LoadRun(options.load, endpoint: endpoint, topic: topic) {
        LoadRun.randomLoad(options.load, worker: $0)
    }
    let pulse = try CommitPulse(endpoint, topic)
    let start = monotonicNanoseconds()
    let end = start + UInt64(options.duration.seconds * 1e9)
    let running = load.start(.after(options.duration), progress: progress)
    let beating = pulse.start()
    defer { pulse.stop() }
    // The first fifth, at most two seconds, shows what the writes are like without a bootstrap.
    sleep(untilNanoseconds: start + min(2_000_000_000, (end - start) / 5))
    let quietFrom = start + (monotonicNanoseconds() - start) / 2
    let busy = try catchUps(options.rounds, endpoint, topic)
    guard let first = busy.first, let last = busy.last, last.endedAt < end else {
        throw ThalwegError(
            .invalidConfiguration,
            "the writes ended before the bootstraps",
            advice: "choose a longer --duration"
        )
    }
    let result = try running.finish(progress: progress, phase: "write")
    pulse.stop()
    let answers = try beating.join().value
    report.errors += result.errors
    report.writesPerSecond = result.writesPerSecond
    report.changesUnderWrites = first.changes
    report.bytesUnderWrites = first.bytes
    report.secondsUnderWrites = median(busy.map(\.seconds))
    report.secondsUnderWritesOfRounds = busy.map(\.seconds)
    report.recordsPerSecondUnderWrites = report.secondsUnderWrites.map {
        Double(first.changes) / $0
    }
    report.writeStallMsMax = CommitPulse.largestGapMilliseconds(
        answers,
        from: first.startedAt,
        to: last.endedAt
    )
    report.writeGapMsMaxBefore = CommitPulse.largestGapMilliseconds(
        answers,
        from: quietFrom,
        to: first.startedAt
    )
}
