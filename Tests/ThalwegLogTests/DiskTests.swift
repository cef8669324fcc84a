import Glibc
import Synchronization
import Testing
import ThalwegModel

@testable import ThalwegLog

@Suite("On a real disk, with real threads")
struct DiskTests {
    /// Runs `body` with a directory that is removed afterwards.
    private func withDirectory(_ body: (String) throws -> Void) throws {
        var template = Array("/tmp/thalweg-log-XXXXXX".utf8CString)
        let path = try #require(mkdtemp(&template).map { String(cString: $0) })
        defer {
            if let names = try? DiskStorage(path: path).list() {
                for name in names { unlink("\(path)/\(name)") }
            }
            rmdir(path)
        }
        try body(path)
    }

    @Test func manyThreadsAppendAndEverythingIsCommittedInOrder() throws {
        try withDirectory { path in
            var options = LogOptions()
            options.segmentBytes = 1 << 16
            let opened = try LocalLog.open(directory: path, options: options)
            let receiver = Receiver()
            let log = opened.log
            log.start(committed: { receiver.commit($0) }, failed: { receiver.fail($0) })
            let appended = Mutex<[UInt64: [UInt8]]>([:])
            let threads = try (0..<4).map { number in
                try LogThread.start(name: "appender") {
                    for turn in 0..<200 {
                        let bytes = payload(number * 1000 + turn, count: turn * 3)
                        guard let index = try? log.append(tag: UInt32(number), payload: bytes)
                        else { return }
                        appended.withLock { $0[index] = bytes }
                    }
                }
            }
            for thread in threads { thread.join() }
            log.stop()
            let entries = receiver.entries
            #expect(receiver.failures.isEmpty)
            #expect(entries.map(\.index) == Array(1...800))
            #expect(appended.withLock { all in entries.allSatisfy { all[$0.index] == $0.payload } })
            for number in 0..<4 {
                let own = entries.filter { $0.tag == number }.map(\.payload)
                #expect(own == (0..<200).map { payload(number * 1000 + $0, count: $0 * 3) })
            }
            let again = try LocalLog.open(directory: path, options: options)
            #expect(again.warnings.isEmpty)
            #expect(try again.entries.readAll() == entries)
            again.log.stop()
        }
    }

    @Test func aSnapshotIsWrittenWhileTheLogGoesOn() throws {
        try withDirectory { path in
            var options = LogOptions()
            options.segmentBytes = 4096
            let log = try LocalLog.open(directory: path, options: options).log
            // The first hundred are durable once the log was stopped; the snapshot is of those.
            for number in 1...100 { _ = try log.append(tag: 0, payload: payload(number)) }
            log.stop()

            let opened = try LocalLog.open(directory: path, options: options)
            let receiver = Receiver()
            let second = opened.log
            second.start(committed: { receiver.commit($0) }, failed: { receiver.fail($0) })
            let writer = try second.snapshotWriter(at: 100)
            let chunk = payload(4, count: 700_000)
            for number in 0..<20 {
                writer.waitUntilReady()
                try writer.append(chunk)
                _ = try second.append(tag: 0, payload: payload(number))
            }
            try writer.finish()
            #expect(second.statistics.snapshotIndex == 100)
            second.stop()
            #expect(receiver.entries.count == 20 && receiver.failures.isEmpty)

            let report = try LogVerifier(directory: path).verify()
            #expect(report.firstError == nil && report.snapshotIndex == 100)
            #expect(report.lastIndex == 120 && report.bytes > 14_000_000)
            let again = try LocalLog.open(directory: path, options: options)
            #expect(try again.snapshot?.readAll().count == 14_000_000)
            #expect(try again.entries.readAll().map(\.index) == Array(101...120))
            again.log.stop()
        }
    }

    @Test func theDirectoryIsLocked() throws {
        try withDirectory { path in
            let opened = try LocalLog.open(directory: path)
            #expect(code { _ = try LocalLog.open(directory: path) } == .dataDirectoryInUse)
            #expect(code { _ = try LogVerifier(directory: path).verify() } == .dataDirectoryInUse)
            opened.log.stop()
            try LocalLog.open(directory: path).log.stop()
        }
    }

    @Test func aRetryWakesAWriterThatWaitsForRoom() throws {
        let storage = FaultyStorage(seed: 1)
        let log = try LocalLog.open(storage: storage, options: .small).log
        let receiver = Receiver()
        log.start(committed: { receiver.commit($0) }, failed: { receiver.fail($0) })
        var faults = StorageFaults()
        faults.writableBytes = 0
        storage.setFaults(faults)
        _ = try log.append(tag: 0, payload: [1])
        log.state.wait { $0.statistics.isDiskFull ? () : nil }
        storage.setFaults(StorageFaults())
        log.retryAfterDiskFull()
        log.state.wait { $0.statistics.durableIndex == 1 ? () : nil }
        log.stop()
        #expect(receiver.entries.count == 1 && receiver.failures.isEmpty)
    }
}
