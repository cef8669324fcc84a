import ThalwegEngine
import ThalwegModel
import ThalwegWire

/// Writes go through the engine as a server sends them, without sockets and log, on one thread:
/// `thalweg bench engine`.
///
/// Each of the four stages is one call from here, so that a profiler that counts instructions has
/// them by name: `FrameSplitter.next`, `Partition.merge`, `Partition.seal`, `Partition.apply`.
public func runEngine(_ options: EngineOptions) throws -> EngineReport {
    try options.check()
    let progress = Progress(quiet: options.quiet)
    let run = try EngineRun(options)
    progress.say("fill \(options.load.entities) records")
    let loadNanoseconds = try run.fill()
    let memoryAfterLoad = run.memory
    run.makeFrames()
    progress.say("random writes")
    try run.measure()
    return EngineReport(
        commandLine: options.commandLine, machine: .current(), entities: options.load.entities,
        workers: options.load.workers, mix: options.load.mix.description, seed: options.load.seed,
        windowWrites: options.windowWrites, bytesPerOp: run.bytesPerWrite, ops: run.writes,
        errors: run.errors, windows: run.windows, netChanges: run.netChanges,
        cpuNsPerOp: run.stages(0.5), fastestCpuNsPerOp: run.stages(0),
        loadCpuNsPerOp: loadNanoseconds,
        memoryAfterLoad: memoryAfterLoad, memoryAtEnd: run.memory)
}
