import Synchronization
import Testing
import ThalwegModel

@testable import ThalwegLog

/// What a log reported, from whichever thread.
final class Receiver: Sendable {
    private let state = Mutex<(batches: [[LogEntry]], failures: [ThalwegError])>(([], []))

    func commit(_ batch: [LogEntry]) { state.withLock { $0.batches.append(batch) } }
    func fail(_ error: ThalwegError) { state.withLock { $0.failures.append(error) } }

    var batches: [[LogEntry]] { state.withLock { $0.batches } }
    var entries: [LogEntry] { batches.flatMap { $0 } }
    var failures: [ThalwegError] { state.withLock { $0.failures } }
}

/// A log that was opened and read to its end, driven by the test's own thread.
struct Session {
    let log: LocalLog
    let receiver = Receiver()
    let snapshotIndex: UInt64
    let snapshot: [UInt8]?
    let recovered: [LogEntry]
    let warnings: [RecoveryWarning]

    init(_ storage: any Storage, _ options: LogOptions = .small) throws {
        let opened = try LocalLog.open(storage: storage, options: options)
        log = opened.log
        warnings = opened.warnings
        snapshotIndex = opened.snapshot?.index ?? 0
        snapshot = try opened.snapshot?.readAll()
        recovered = try opened.entries.readAll()
        let receiver = receiver
        let isPrepared = log.prepare(
            committed: { receiver.commit($0) }, failed: { receiver.fail($0) })
        #expect(isPrepared)
    }

    /// Appends one entry and makes it durable as a group of its own.
    func commit(_ payload: [UInt8], tag: UInt32 = 7) throws {
        _ = try log.append(tag: tag, payload: payload)
        #expect(log.takeTurn() == .progressed)
    }

    /// Writes until nothing is queued, the disk is full, or the log failed.
    @discardableResult
    func drain() -> LocalLog.Turn {
        while true {
            let turn = log.takeTurn()
            if turn != .progressed { return turn }
        }
    }

    /// Writes a snapshot on this thread.
    func writeSnapshot(at index: UInt64, _ bytes: [UInt8]) throws {
        let writer = try log.makeSnapshotWriter(at: index)
        try writer.append(bytes)
        let outcome = Mutex<ThalwegError?>(nil)
        writer.finish { error in outcome.withLock { $0 = error } }
        writer.run()
        if let error = outcome.withLock({ $0 }) { throw error }
    }
}

extension SnapshotReader {
    func readAll() throws -> [UInt8] {
        var bytes: [UInt8] = []
        while let block = try next() { bytes += block }
        return bytes
    }
}

extension LogReader {
    func readAll() throws -> [LogEntry] {
        var entries: [LogEntry] = []
        while let entry = try next() { entries.append(entry) }
        return entries
    }
}

extension LogOptions {
    /// Small segments, so that tests roll them.
    static var small: LogOptions {
        var options = LogOptions()
        options.segmentBytes = 4096
        options.writeBufferBytes = 4096
        options.snapshotSyncBytes = 4096
        return options
    }
}

/// `count` bytes that differ from those of other numbers.
func payload(_ number: Int, count: Int = 100) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: number &* 31 &+ $0 &* 7 &+ 1) }
}

/// The error code that `body` throws, nil if it throws nothing.
func code(_ body: () throws -> Void) -> ErrorCode? {
    do {
        try body()
        return nil
    } catch {
        return (error as? ThalwegError)?.code
    }
}

let firstSegment = LogFormat.segmentName(first: 1)
