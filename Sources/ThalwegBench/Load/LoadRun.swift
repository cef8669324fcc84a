import Foundation
import ThalwegModel
import ThalwegWire

/// What one phase of a load did.
struct LoadResult: Sendable {
    var writes: Int
    /// Bytes of whole frames.
    var bytes: Int
    var frames: Int
    /// From the first write until the last worker's barrier was answered.
    var seconds: Double
    var writesOfWorkers: [Int]
    /// Processor time of the threads that made and sent the writes.
    var clientCPUNanoseconds: UInt64
    /// Errors that the server reported to the workers since they are connected.
    var errors: Int

    var writesPerSecond: Double { Double(writes) / seconds }

    /// Adds a later phase of the same workers, whose errors are those of both.
    mutating func add(_ later: LoadResult) {
        writes += later.writes
        bytes += later.bytes
        frames += later.frames
        seconds += later.seconds
        writesOfWorkers = zip(writesOfWorkers, later.writesOfWorkers).map { $0 + $1 }
        clientCPUNanoseconds += later.clientCPUNanoseconds
        errors = later.errors
    }
}

/// The workers of a scenario, connected, and the phases they go through together.
final class LoadRun {
    /// When a phase ends.
    enum End: Sendable {
        case after(Duration)
        /// When each worker has written its sequence.
        case sequence
    }

    let workers: [LoadWorker]
    private let options: LoadOptions

    /// Connects the workers. `makeLoad` gives each its writes.
    init(
        _ options: LoadOptions,
        endpoint: Endpoint,
        topic: TopicID,
        observer: ((Int) -> ((UnsafeRawBufferPointer) -> Void))? = nil,
        makeLoad: (Int) -> PlayerLoad
    ) throws {
        self.options = options
        workers = try (0..<options.workers).map { number in
            let connection = try BenchConnection(
                endpoint,
                claim: .any,
                name: "bench-worker-\(number)"
            )
            return LoadWorker(
                connection,
                topic: topic,
                load: makeLoad(number),
                observer: observer?(number)
            )
        }
    }

    /// The random load of worker `number`.
    static func randomLoad(
        _ options: LoadOptions,
        worker number: Int,
        isPartitioned: Bool = false
    ) -> PlayerLoad {
        let picker = EntityPicker(
            entities: options.entities,
            hotPercent: options.hotPercent,
            worker: isPartitioned ? number : 0,
            ofWorkers: isPartitioned ? options.workers : 1
        )
        return PlayerLoad(
            seed: options.seed &* 1_000_003 &+ UInt64(number),
            mix: options.mix,
            picker: picker,
            stampsPatches: options.stampsPatches
        )
    }

    /// Threads that the workers share.
    var threadCount: Int {
        let spare = max(1, ProcessInfo.processInfo.activeProcessorCount - 1)
        return min(max(1, workers.count), options.threads == 0 ? spare : options.threads)
    }

    /// Starts a phase; ``RunningLoad/finish(progress:phase:)`` waits for it.
    func start(_ end: End, progress: Progress) -> RunningLoad {
        let count = threadCount
        let start = monotonicNanoseconds()
        let threads = (0..<count).map { index in
            let part = stride(from: index, to: workers.count, by: count).map { workers[$0] }
            let share = Double(part.count) / Double(max(1, workers.count))
            let pace = Pace(writesPerSecond: Double(options.rate) * share, start: start)
            let frameBytes = options.frameBytes
            for worker in part { worker.resetCounts() }
            return WorkThread("bench-load-\(index)") {
                try LoadRun.drive(part, end, pace, start, frameBytes, progress)
            }
        }
        return RunningLoad(threads: threads, workers: workers, start: start)
    }

    func run(_ end: End, progress: Progress, phase: String) throws -> LoadResult {
        try start(end, progress: progress).finish(progress: progress, phase: phase)
    }

    /// One thread: its workers in turn, a frame each, until the end; then their barriers.
    private static func drive(
        _ workers: [LoadWorker],
        _ end: End,
        _ pace: Pace,
        _ start: UInt64,
        _ frameBytes: Int,
        _ progress: Progress
    ) throws -> UInt64 {
        var pace = pace
        let limitWrites = pace.writesPerFrame
        switch end {
        case .after(let duration):
            let deadline = start + UInt64(duration.seconds * 1e9)
            // Without workers the phase is there for its subscribers.
            if workers.isEmpty { sleep(untilNanoseconds: deadline) }
            var now = start
            while now < deadline, !workers.isEmpty {
                for worker in workers {
                    guard pace.waits(before: deadline) else { break }
                    let count = try worker.step(
                        limitBytes: frameBytes,
                        limitWrites: limitWrites,
                        lateMicroseconds: pace.lateMicroseconds
                    )
                    pace.passed(count)
                    progress.add(count)
                }
                now = monotonicNanoseconds()
            }
        case .sequence:
            var rest = workers
            while !rest.isEmpty {
                for worker in rest where worker.remainingInSequence > 0 {
                    let count = try worker.step(limitBytes: frameBytes, limitWrites: .max)
                    progress.add(count)
                }
                rest.removeAll { $0.remainingInSequence == 0 }
            }
        }
        // All barriers are under way before the first is awaited.
        let barriers = try workers.map { try $0.connection.beginFlush() }
        for (worker, barrier) in zip(workers, barriers) {
            try worker.connection.awaitFlush(barrier)
        }
        return monotonicNanoseconds()
    }
}

/// A phase that goes on.
struct RunningLoad {
    let threads: [WorkThread<UInt64>]
    let workers: [LoadWorker]
    let start: UInt64

    func finish(progress: Progress, phase: String) throws -> LoadResult {
        progress.watch(threads, phase: phase)
        var end = start + 1
        var cpu: UInt64 = 0
        for thread in threads {
            let (finished, nanoseconds) = try thread.join()
            end = max(end, finished)
            cpu += nanoseconds
        }
        return LoadResult(
            writes: workers.reduce(0) { $0 + $1.writes },
            bytes: workers.reduce(0) { $0 + $1.bytes },
            frames: workers.reduce(0) { $0 + $1.frames },
            seconds: Double(end - start) / 1e9,
            writesOfWorkers: workers.map(\.writes),
            clientCPUNanoseconds: cpu,
            errors: workers.reduce(0) { $0 + $1.connection.unaskedErrors.count }
        )
    }
}
