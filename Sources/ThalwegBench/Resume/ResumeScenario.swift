import ThalwegModel
import ThalwegWire

/// A subscriber that was away, and what it costs to bring it up to date: `thalweg bench resume`.
///
/// Counts an error where a resume does not bring each changed record exactly once, or where the
/// server starts over.
public func runResume(_ options: ResumeOptions) throws -> ResumeReport {
    try options.load.check()
    try LoadOptions.check("--rounds", options.rounds, 1...1_000)
    guard options.changedPercent > 0, options.changedPercent <= 100 else {
        throw ThalwegError(
            .invalidConfiguration,
            "--changed-pct is \(options.changedPercent)",
            advice: "choose more than 0, at most 100"
        )
    }
    let progress = Progress(quiet: options.quiet)
    let server = try MeasuredServer(options.server)
    defer { server.stop() }
    let control = try BenchConnection(server.endpoint, claim: .readOnly, name: "bench")
    let topic = try control.createTopic(
        Player.definition(windowMilliseconds: options.windowMilliseconds)
    ).id
    let before = try control.status()
    progress.say("loading \(options.load.entities) records")
    let filler = try Filler(server.endpoint, topic, options.load)
    let bootstraps = try (0..<options.rounds).map { _ in
        try CatchUp(server.endpoint, topic, from: .start)
    }
    guard let bootstrap = bootstraps.last else {
        preconditionFailure("there is a bootstrap for each round")
    }

    let entities = Double(options.load.entities)
    let changed = max(1, Int((entities * options.changedPercent / 100).rounded()))
    progress.say("changing \(changed) of them")
    try filler.change(changed)
    let resumes = try (0..<options.rounds).map { _ in
        try CatchUp(server.endpoint, topic, from: .after(bootstrap.resume))
    }
    let counters = ServerCounters(before: before, after: try control.status())
    guard let resume = resumes.first, let bootstrapSeconds = median(bootstraps.map(\.seconds)),
        let resumeSeconds = median(resumes.map(\.seconds))
    else { preconditionFailure("there is a resume for each round") }
    let share = Double(changed) / entities
    let wrong = resumes.filter { $0.changes != changed || $0.wasReset }.count
    return ResumeReport(
        commandLine: options.commandLine,
        machine: .current(),
        seed: options.load.seed,
        entities: options.load.entities,
        windowMs: Double(options.windowMilliseconds),
        rounds: options.rounds,
        changedPct: options.changedPercent,
        changed: changed,
        bootstrapRecords: bootstrap.changes,
        bootstrapBytes: bootstrap.bytes,
        bootstrapSeconds: bootstrapSeconds,
        bootstrapSecondsOfRounds: bootstraps.map(\.seconds),
        resumeRecords: resume.changes,
        resumeBytes: resume.bytes,
        resumeSeconds: resumeSeconds,
        resumeSecondsOfRounds: resumes.map(\.seconds),
        resumeRatio: Double(resume.bytes) / Double(bootstrap.bytes) / share,
        resumeSecondsRatio: resumeSeconds / bootstrapSeconds / share,
        wasReset: resumes.contains(where: \.wasReset),
        errors: wrong + Int(counters.grown("invalid") ?? 0)
    )
}
