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
    options.load.stampsPatches = options.subscribers > 0

    var report = try measureWrites(options, progress)
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

/// The load on what was asked for, and on what that is compared with, in turns.
private func measureWrites(
    _ options: WriteOptions,
    _ progress: Progress
) throws -> WriteReport {
    let main = try WriteContestant(options, phase: "write")
    defer { main.stop() }
    var without: WriteContestant?
    var alone: WriteContestant?
    defer {
        without?.stop()
        alone?.stop()
    }
    if options.subscribers > 0 {
        var other = options
        other.subscribers = 0
        without = try WriteContestant(other, phase: "without subscribers")
    }
    if options.server.nodes > 1 {
        var other = options
        other.server.nodes = 1
        alone = try WriteContestant(other, phase: "one node")
    }
    let contestants = [without, main, alone].compactMap(\.self)
    let turns = Turns(
        of: contestants.count, for: options.duration, isPaced: options.load.rate > 0)
    for index in turns.order {
        try contestants[index].takeTurn(turns.length, progress)
    }

    var report = main.report()
    if let zero = without?.report() {
        report.zeroSubscribersOpsPerSecond = zero.opsPerSecond
        report.zeroSubscribersOpsPerSecondOfTurns = zero.opsPerSecondOfTurns
        report.zeroSubscribersServerCpuNsPerOp = zero.serverCpuNsPerOp
        report.ratioToZeroSubscribers = report.opsPerSecond / zero.opsPerSecond
    }
    if let one = alone?.report() {
        report.oneNodeOpsPerSecond = one.opsPerSecond
        report.oneNodeOpsPerSecondOfTurns = one.opsPerSecondOfTurns
        report.ratioToOneNode = report.opsPerSecond / one.opsPerSecond
    }
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
