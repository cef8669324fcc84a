import Testing
import ThalwegModel

@testable import ThalwegLog

@Suite("Entries come back as they were appended")
struct RoundTripTests {
    @Test(arguments: [0, 1, 7, 8, 9, 100, 4096, 20_000])
    func entriesOfAnySizeComeBack(count: Int) throws {
        let storage = FaultyStorage(seed: 1)
        let session = try Session(storage)
        for number in 1...5 {
            try session.commit(payload(number, count: count), tag: UInt32(number))
        }
        session.log.stop()

        let again = try Session(storage)
        #expect(again.warnings.isEmpty)
        #expect(again.recovered.map(\.index) == [1, 2, 3, 4, 5])
        #expect(again.recovered.map(\.tag) == [1, 2, 3, 4, 5])
        #expect(again.recovered.map(\.payload) == (1...5).map { payload($0, count: count) })
        #expect(again.log.lastIndex == 5 && again.log.durableIndex == 5)
    }

    @Test func manyLivesAndManySegmentsMakeOneLog() throws {
        let storage = FaultyStorage(seed: 2)
        var expected: [[UInt8]] = []
        for life in 0..<6 {
            let session = try Session(storage)
            #expect(session.recovered.map(\.payload) == expected)
            for number in 0..<40 {
                let bytes = payload(life * 100 + number, count: number * 13)
                try session.commit(bytes)
                expected.append(bytes)
            }
            session.log.stop()
        }
        #expect(try storage.list().count > 10)
        #expect(try Session(storage).log.statistics.segments > 10)
    }

    @Test func whatIsQueuedTogetherSharesOneSync() throws {
        let storage = FaultyStorage(seed: 3)
        let session = try Session(storage)
        storage.setFaults(StorageFaults())
        for number in 1...20 { #expect(try session.log.append(tag: 0, payload: [1]) == number) }
        #expect(session.receiver.batches.isEmpty && session.log.durableIndex == 0)
        #expect(session.log.takeTurn() == .progressed)
        #expect(storage.synchronizationCount == 1)
        #expect(session.receiver.batches.map { $0.map(\.index) } == [Array(1...20)])
        #expect(session.log.durableIndex == 20 && session.log.statistics.groups == 1)
        #expect(session.log.statistics.queuedBytes == 0)
    }

    @Test func aGroupLargerThanASegmentIsReportedInOrder() throws {
        let storage = FaultyStorage(seed: 4)
        let session = try Session(storage)
        for number in 1...200 { _ = try session.log.append(tag: 0, payload: payload(number)) }
        #expect(session.drain() == .idle)
        #expect(session.receiver.entries.map(\.index) == Array(1...200))
        #expect(session.receiver.entries.map(\.payload) == (1...200).map { payload($0) })
        session.log.stop()
        #expect(try Session(storage).recovered == session.receiver.entries)
    }

    @Test func stoppingDrainsAndThenRefuses() throws {
        let storage = FaultyStorage(seed: 5)
        let session = try Session(storage)
        for number in 1...50 { _ = try session.log.append(tag: 0, payload: payload(number)) }
        session.log.stop()
        session.log.stop()
        #expect(session.receiver.entries.count == 50)
        #expect(code { _ = try session.log.append(tag: 0, payload: []) } == .stopped)
        #expect(code { _ = try session.log.snapshotWriter(at: 1) } == .stopped)
        #expect(try Session(storage).recovered.count == 50)
    }

    @Test func theQueueAndTheEntryAreBounded() throws {
        var options = LogOptions.small
        options.maximumEntryBytes = 1000
        options.maximumQueuedBytes = 2000
        let session = try Session(FaultyStorage(seed: 6), options)
        let tooLarge = payload(1, count: 1001)
        #expect(code { _ = try session.log.append(tag: 0, payload: tooLarge) } == .recordTooLarge)
        for number in 1...2 {
            _ = try session.log.append(tag: 0, payload: payload(number, count: 1000))
        }
        #expect(code { _ = try session.log.append(tag: 0, payload: [1]) } == .tooManyRequests)
        session.drain()
        #expect(try session.log.append(tag: 0, payload: [1]) == 3)
    }

    @Test func foreignFileNamesAreLeftAlone() throws {
        let storage = FaultyStorage(seed: 7)
        let strangers = [
            "log-1.seg", "log-00000000000000000001.seg.bak", "log-0000000000000000000x.seg",
            "snapshot-99999999999999999999.snap", "snapshot-.snap", "notes.txt", ".tmp",
        ]
        for name in strangers { storage.setContents(of: name, [1, 2, 3]) }
        let leftovers = [
            LogFormat.segmentName(first: 9) + ".tmp", LogFormat.snapshotName(at: 9) + ".tmp",
        ]
        for name in leftovers { storage.setContents(of: name, [1, 2, 3]) }
        let session = try Session(storage)
        try session.commit([1])
        session.log.stop()
        let again = try Session(storage)
        #expect(again.recovered.count == 1 && again.warnings.isEmpty)
        for name in strangers { #expect(storage.contents(of: name) == [1, 2, 3]) }
        for name in leftovers { #expect(storage.contents(of: name) == nil) }
    }

    @Test func oneLogAtATimeHasTheDirectory() throws {
        let storage = FaultyStorage(seed: 8)
        let session = try Session(storage)
        #expect(code { _ = try LocalLog.open(storage: storage) } == .dataDirectoryInUse)
        session.log.stop()
        try Session(storage).log.stop()
    }

    @Test func optionsOutOfRangeAreRefused() {
        var options = LogOptions()
        options.segmentBytes = 1
        let storage = FaultyStorage(seed: 9)
        #expect(
            code { _ = try LocalLog.open(storage: storage, options: options) }
                == .invalidConfiguration)
    }
}
