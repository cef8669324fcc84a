import Glibc
import ThalwegEngine
import ThalwegModel
import ThalwegWire

/// A partition with the players' topic, and the frames that are written to it again and again.
final class EngineRun {
    /// Processor time of one window, by stage.
    private struct Spent {
        var split: UInt64 = 0
        var merge: UInt64 = 0
        var seal: UInt64 = 0
        var apply: UInt64 = 0
        var writes = 0
    }

    /// Frames of all workers: some megabytes, so that they come from memory as a socket's bytes do.
    private static let frameCount = 144
    /// A window is durable after this share of the next one: its log is faster than a window is long.
    private static let durableAfter = 4

    private let options: EngineOptions
    private let topic = TopicID(1)
    private let partition = Partition(seed: 7)
    private var frames: [(source: SourceID, bytes: [UInt8])] = []
    private var spent: [Spent] = []
    private var window = Spent()
    /// The entry that is on its way to the log.
    private var inFlight: [UInt8]?
    /// 2026-11-23, in microseconds; it goes on by a millisecond a frame.
    private var time: Int64 = 1_795_000_000_000_000

    private(set) var writes = 0
    private(set) var errors = 0
    private(set) var windows = 0
    private(set) var netChanges = 0
    private(set) var bytesPerWrite = 0.0

    init(_ options: EngineOptions) throws {
        self.options = options
        let definition = try Player.definition(windowMilliseconds: 20)
        _ = try apply(
            EntryHeader(kind: .createTopic, topic: topic, time: Timestamp(microseconds: time))
                .entry { definition.encode(into: &$0) })
    }

    /// Asserts every entity once, from the first source; gives the nanoseconds of one write.
    func fill() throws -> Double {
        let entities = options.load.entities
        var load = PlayerLoad(
            seed: options.load.seed, mix: .assertsOnly, picker: EntityPicker(entities: entities),
            sequence: 0..<UInt64(entities))
        var batch = PackedBatchWriter()
        while load.remainingInSequence > 0 {
            try write(EngineRun.frame(&load, &batch, options, topic), source: SourceID(1))
        }
        try closeWindow()
        try commit()
        let sum = spent.reduce(0) { $0 + $1.split + $1.merge + $1.seal + $1.apply }
        spent = []
        (writes, errors, windows, netChanges) = (0, errors, 0, 0)
        return Double(sum) / Double(entities)
    }

    func makeFrames() {
        var batch = PackedBatchWriter()
        var loads: [EngineLoad] = (0..<options.load.workers).map {
            EngineLoad(LoadRun.randomLoad(options.load, worker: $0))
        }
        for number in 0..<EngineRun.frameCount {
            let worker = number % options.load.workers
            let bytes = EngineRun.frame(&loads[worker].load, &batch, options, topic)
            frames.append((SourceID(UInt16(worker + 1)), bytes))
        }
        loads = []
    }

    /// Frame after frame until the duration or the writes are over.
    func measure() throws {
        let end = monotonicNanoseconds() + UInt64(options.duration.seconds * 1e9)
        var next = 0
        var bytes = 0
        while options.writes.map({ writes < $0 }) ?? (monotonicNanoseconds() < end) {
            bytes += frames[next].bytes.count
            try write(frames[next].bytes, source: frames[next].source)
            next = (next + 1) % frames.count
        }
        bytesPerWrite = Double(bytes) / Double(max(writes, 1))
        try closeWindow()
        try commit()
    }

    /// By stage, the window at `share` of all when they are sorted: 0 is the fastest, 0.5 the median.
    func stages(_ share: Double) -> EngineReport.Stages {
        func place(_ part: (Spent) -> UInt64) -> Double {
            let sorted = spent.map { Double(part($0)) / Double(max($0.writes, 1)) }.sorted()
            return sorted.isEmpty ? 0 : sorted[Int(Double(sorted.count - 1) * share)]
        }
        return EngineReport.Stages(
            split: place { $0.split }, merge: place { $0.merge }, seal: place { $0.seal },
            apply: place { $0.apply })
    }

    var memory: EngineReport.Memory {
        let records = options.load.entities
        return EngineReport.Memory(
            partition.memory(of: topic) ?? TopicMemory(), records: records,
            payload: Player.payloadBytes(records: records))
    }

    // MARK: One frame

    private static func frame(
        _ load: inout PlayerLoad, _ batch: inout PackedBatchWriter, _ options: EngineOptions,
        _ topic: TopicID
    ) -> [UInt8] {
        batch.begin(topic, acknowledgement: .none)
        load.fill(
            &batch, limitBytes: options.load.frameBytes, limitWrites: .max,
            seenMicroseconds: 1_795_000_000_000_000)
        return Array(batch.finish(requestID: 0))
    }

    private func write(_ frame: [UInt8], source: SourceID) throws {
        time += 1_000
        let now = Timestamp(microseconds: time)
        try frame.withUnsafeBytes { bytes in
            var clock = threadCPUNanoseconds()
            var splitter = FrameSplitter(bytes)
            while let received = try splitter.next() {
                EngineRun.advance(&clock, &window.split)
                var reader = ByteReader(received.payload)
                let header = try WriteBatchHeader(from: &reader)
                let outcome = try partition.merge(
                    try reader.bytes(reader.remaining), header: header, source: source, time: now,
                    token: nil)
                errors += Int(outcome.invalid)
                writes += Int(header.count)
                window.writes += Int(header.count)
                EngineRun.advance(&clock, &window.merge)
            }
        }
        if inFlight != nil, window.writes >= options.windowWrites / EngineRun.durableAfter {
            try commit()
        }
        if window.writes >= options.windowWrites { try closeWindow() }
    }

    private static func advance(_ clock: inout UInt64, _ sum: inout UInt64) {
        let now = threadCPUNanoseconds()
        sum += now - clock
        clock = now
    }

    /// Seals the open window; the one before it must be durable then.
    private func closeWindow() throws {
        try commit()
        var clock = threadCPUNanoseconds()
        let sealed = partition.seal(topic, time: Timestamp(microseconds: time))
        EngineRun.advance(&clock, &window.seal)
        inFlight = sealed?.entry
        // The apply that falls into a window is that of the one before.
        if window.writes > 0 { spent.append(window) }
        window = Spent()
    }

    /// The entry on its way is durable.
    private func commit() throws {
        guard let entry = inFlight else { return }
        inFlight = nil
        var clock = threadCPUNanoseconds()
        let applied = try apply(entry)
        EngineRun.advance(&clock, &window.apply)
        partition.recycle(topic, entry: entry)
        windows += 1
        netChanges += Int(applied.after.rawValue - applied.before.rawValue)
    }

    private func apply(_ entry: [UInt8]) throws -> Partition.Applied {
        try entry.withUnsafeBytes { try partition.apply($0) }
    }
}

/// Loads cannot be copied; this gives one a place in an array.
private final class EngineLoad {
    var load: PlayerLoad

    init(_ load: consuming PlayerLoad) {
        self.load = load
    }
}

/// Processor time of this thread.
func threadCPUNanoseconds() -> UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
