import ThalwegEngine
import ThalwegModel
import ThalwegPrograms
import ThalwegWire

/// Writes go through a program inside the engine, on one thread: `thalweg bench program`.
///
/// No socket and no log: a batch is merged, sealed as an entry, and the entry applied to the topic,
/// as a server does it. The topic has 1,000 records and keeps no history. The same writes to a topic
/// without a program say what of it is not the program's.
public func runProgram(_ options: ProgramOptions) throws -> ProgramReport {
    try options.check()
    let load = try ProgramLoad(options.program)
    let progress = Progress(quiet: options.quiet)
    progress.say("writes without a program")
    let plain = try ProgramRun(options, load, isProgrammed: false)
    let plainPace = try plain.measure(options.duration / 4)
    progress.say("writes through \(load.name)")
    let run = try ProgramRun(options, load, isProgrammed: true)
    let pace = try run.measure(options.duration)
    return ProgramReport(
        commandLine: options.commandLine, machine: .current(), program: load.name,
        moduleBytes: load.module.count, batchSize: options.batch,
        batchesPerEntry: options.batchesPerEntry, calls: pace.writes,
        callsPerSecond: 1e9 / pace.nanoseconds, nsPerCall: pace.nanoseconds,
        cpuNsPerCall: pace.cpuNanoseconds, plainNsPerWrite: plainPace.nanoseconds,
        plainCpuNsPerWrite: plainPace.cpuNanoseconds, errors: pace.errors)
}

/// A partition with one topic, and the batches that are written to it again and again.
private final class ProgramRun {
    struct Pace {
        var writes: UInt64
        /// Of one write.
        var nanoseconds: Double
        var cpuNanoseconds: Double
        var errors: UInt64
    }

    private let load: ProgramLoad
    private let topic = TopicID(1)
    private let partition = Partition(seed: 7)
    private var batches: [[UInt8]] = []
    private let batchesPerEntry: Int
    private var lastToken: UInt64 = 0
    private var writes: UInt64 = 0

    init(_ options: ProgramOptions, _ load: ProgramLoad, isProgrammed: Bool) throws {
        self.load = load
        let batchSize = options.batch
        batchesPerEntry = options.batchesPerEntry
        partition.programs = ProgramLibrary()
        let definition = TopicDefinition(
            name: "bench", keyKind: .u64, schema: nil, options: TopicOptions(writes: .every))
        try apply(
            EntryHeader(kind: .createTopic, topic: topic, time: ProgramRun.now)
                .entry { definition.encode(into: &$0) })
        if isProgrammed {
            let deployment = ProgramDeployment(
                name: load.name, loadsRecords: false, arguments: load.arguments,
                module: load.module)
            try apply(deployment.entry(topic, time: ProgramRun.now))
        }
        if let first = load.first {
            let errors = try commit([batch((0..<ProgramLoad.keys).map { ($0, first) })])
            guard errors == 0 else { throw load.refused(errors, of: ProgramLoad.keys) }
        }
        // Whole rounds over the keys, so that going round and round changes nothing in the end.
        let perEntry = UInt64(batchSize * batchesPerEntry)
        let rounds = max(16 * perEntry / ProgramLoad.keys, 1)
        var writes: [(UInt64, [UInt8])] = []
        for number in 0..<rounds * ProgramLoad.keys {
            writes.append(
                (number % ProgramLoad.keys, load.value(number, putBytes: options.valueBytes)))
        }
        for start in stride(from: 0, to: writes.count, by: batchSize) {
            batches.append(batch(Array(writes[start..<min(start + batchSize, writes.count)])))
        }
    }

    private func batch(_ writes: [(UInt64, [UInt8])]) -> [UInt8] {
        var writer = PackedBatchWriter()
        writer.begin(topic, acknowledgement: .committed)
        for (key, value) in writes {
            value.withUnsafeBytes { writer.assert(key: key, row: $0) }
        }
        return Array(writer.finish(requestID: 1).dropFirst(FrameHeader.size))
    }

    func measure(_ duration: Duration) throws -> Pace {
        // A round that is not counted: memory is touched, the module's code is warm.
        var refused: UInt64 = 0
        for batch in batches { refused += try commit([batch]) }
        guard refused == 0 else { throw load.refused(refused, of: writes) }
        let before = writes
        let start = monotonicNanoseconds()
        let cpuStart = threadCPUNanoseconds()
        let end = start + UInt64(duration / .nanoseconds(1))
        var errors: UInt64 = 0
        var next = 0
        while monotonicNanoseconds() < end {
            errors += try commit(
                (0..<batchesPerEntry).lazy.map { self.batches[(next + $0) % self.batches.count] })
            next = (next + batchesPerEntry) % batches.count
        }
        let nanoseconds = Double(monotonicNanoseconds() - start)
        let cpu = Double(threadCPUNanoseconds() - cpuStart)
        let done = writes - before
        return Pace(
            writes: done, nanoseconds: nanoseconds / Double(max(done, 1)),
            cpuNanoseconds: cpu / Double(max(done, 1)), errors: errors)
    }

    /// Gives how many of the batches' writes were not accepted.
    private func commit(_ batches: some Sequence<[UInt8]>) throws -> UInt64 {
        let now = ProgramRun.now
        for batch in batches {
            lastToken += 1
            try batch.withUnsafeBytes { bytes in
                var reader = ByteReader(bytes)
                let header = try WriteBatchHeader(from: &reader)
                _ = try partition.merge(
                    try reader.bytes(reader.remaining), header: header, source: SourceID(1),
                    time: now, token: lastToken)
                writes += UInt64(header.count)
            }
        }
        guard let entry = partition.seal(topic, time: now)?.entry else { return 0 }
        return try apply(entry)
    }

    @discardableResult
    private func apply(_ entry: [UInt8]) throws -> UInt64 {
        let applied = try entry.withUnsafeBytes { try partition.apply($0) }
        if let refusal = applied.refusal { throw refusal }
        return applied.completions.reduce(0) { sum, completion in
            let counts = completion.counts
            return sum + UInt64(counts.rejected + counts.failed + counts.invalid)
        }
    }

    private static var now: Timestamp { Timestamp(microseconds: wallMicroseconds()) }
}
