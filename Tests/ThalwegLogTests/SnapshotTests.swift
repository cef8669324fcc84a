import Testing
import ThalwegModel

@testable import ThalwegLog

@Suite("Snapshots replace the log before them")
struct SnapshotTests {
    private func committed(_ count: Int, seed: UInt64 = 1) throws -> (FaultyStorage, Session) {
        let storage = FaultyStorage(seed: seed)
        let session = try Session(storage)
        for number in 1...count { try session.commit(payload(number)) }
        return (storage, session)
    }

    @Test(arguments: [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3_500_000])
    func bytesOfAnySizeComeBack(count: Int) throws {
        let (storage, session) = try committed(10)
        let bytes = payload(5, count: count)
        try session.writeSnapshot(at: 10, bytes)
        session.log.stop()
        let opened = try LocalLog.open(storage: storage, options: .small)
        #expect(opened.snapshot?.index == 10 && opened.snapshot?.byteCount == UInt64(count))
        #expect(try opened.snapshot?.readAll() == bytes)
        #expect(try opened.entries.readAll().isEmpty)
        #expect(opened.log.lastIndex == 10)
    }

    @Test func segmentsAndSnapshotsBeforeItAreDropped() throws {
        let (storage, session) = try committed(150)
        let before = session.log.statistics.segments
        try session.writeSnapshot(at: 70, [1])
        let between = session.log.statistics.segments
        try session.writeSnapshot(at: 149, [2])
        #expect(before > between && between > session.log.statistics.segments)
        #expect(session.log.statistics.segments == 1 && session.log.statistics.snapshotIndex == 149)
        #expect(try storage.list().sorted().suffix(1) == [LogFormat.snapshotName(at: 149)])
        #expect(try storage.list().count == 2)
        try session.commit(payload(151))
        session.log.stop()
        let again = try Session(storage)
        #expect(again.snapshotIndex == 149 && again.snapshot == [2])
        #expect(again.recovered.map(\.index) == [150, 151])
    }

    @Test func aFirstEntryLargerThanASegmentKeepsItsSegment() throws {
        let storage = FaultyStorage(seed: 3)
        let session = try Session(storage)
        try session.commit(payload(1, count: 6000))
        #expect(session.log.statistics.segments == 1)
        try session.writeSnapshot(at: 1, [1])
        try session.commit(payload(2, count: 6000))
        try session.commit(payload(3, count: 6000))
        session.log.stop()
        let again = try Session(storage)
        #expect(again.snapshotIndex == 1 && again.recovered.map(\.index) == [2, 3])
    }

    @Test func onlyCommittedAndNewerStatesCanBeKept() throws {
        let (_, session) = try committed(10)
        _ = try session.log.append(tag: 0, payload: [])
        #expect(code { _ = try session.log.snapshotWriter(at: 11) } == .notYet)
        try session.writeSnapshot(at: 5, [1])
        #expect(code { _ = try session.log.snapshotWriter(at: 5) } == .invalidOptions)
        let open = try session.log.makeSnapshotWriter(at: 6)
        #expect(code { _ = try session.log.snapshotWriter(at: 7) } == .tooManyRequests)
        open.abandon()
        open.run()
        #expect(code { try open.append([1]) } == .stopped)
        try session.writeSnapshot(at: 7, [1])
    }

    @Test func anAbandonedSnapshotLeavesNothing() throws {
        let (storage, session) = try committed(100)
        let before = try storage.list()
        let writer = try session.log.snapshotWriter(at: 50)
        try writer.append(payload(1, count: 100_000))
        writer.abandon()
        #expect(writer.waitForEnd()?.code == .stopped)
        #expect(try storage.list() == before)
        session.log.stop()
        #expect(try Session(storage).recovered.count == 100)
    }

    @Test func theFeederIsToldToPauseAndToGoOn() throws {
        var options = LogOptions.small
        options.maximumSnapshotQueuedBytes = 1000
        let session = try Session(FaultyStorage(seed: 2), options)
        try session.commit([1])
        let writer = try session.log.makeSnapshotWriter(at: 1)
        try writer.append(payload(1, count: 5000))
        #expect(!writer.isReadyForMore)
        #expect(code { try writer.append([1]) } == .tooManyRequests)
        let receiver = Receiver()
        writer.whenReady { receiver.commit([]) }
        #expect(receiver.batches.isEmpty)
        writer.finish { _ in }
        writer.run()
        #expect(receiver.batches.count == 1)
    }

    @Test(arguments: 1...4)
    func anySyncThatFailsEndsTheLogAndKeepsTheOldState(call: Int) throws {
        let (storage, session) = try committed(100)
        try session.writeSnapshot(at: 20, [1])
        var faults = StorageFaults()
        faults.failingSynchronization = call
        storage.setFaults(faults)
        let bytes = payload(1, count: 5000)
        #expect(code { try session.writeSnapshot(at: 90, bytes) } == .syncFailed)
        #expect(session.log.takeTurn() == .ended)
        #expect(session.receiver.failures.map(\.code) == [.syncFailed])
        storage.crash()
        let again = try Session(storage)
        #expect(again.snapshotIndex == 20 || (again.snapshotIndex == 90 && again.snapshot == bytes))
        #expect(again.recovered.last?.index == 100)
    }

    @Test func aFullDiskEndsTheSnapshotAndNotTheLog() throws {
        let (storage, session) = try committed(30)
        var faults = StorageFaults()
        faults.capacityBytes = 20_000
        storage.setFaults(faults)
        #expect(code { try session.writeSnapshot(at: 20, payload(1, count: 50_000)) } == .diskFull)
        #expect(try storage.list().allSatisfy { !$0.hasSuffix(".tmp") })
        try session.commit([1])
        try session.writeSnapshot(at: 20, [1])
    }

    @Test func aFlippedBitAnywhereIsDamage() throws {
        let (storage, session) = try committed(100)
        try session.writeSnapshot(at: 90, payload(1, count: 300))
        session.log.stop()
        let name = LogFormat.snapshotName(at: 90)
        let size = try #require(storage.contents(of: name)).count
        #expect(size == 64 + 16 + 300 + 32)
        for position in 0..<size {
            storage.flipBit(in: name, at: position, bit: position % 8)
            let error = code { try Session(storage).log.stop() }
            // A header may also turn into that of a version that is not known.
            #expect(error == .logDamaged, "byte \(position)")
            storage.killProcess()
            #expect(try LogVerifier(storage: storage).verify().firstError?.code == .logDamaged)
            storage.flipBit(in: name, at: position, bit: position % 8)
        }
        #expect(try Session(storage).snapshot == payload(1, count: 300))
    }

    @Test func aSnapshotCutShortOrLengthenedIsDamage() throws {
        let (storage, session) = try committed(100)
        try session.writeSnapshot(at: 90, payload(1, count: 300))
        session.log.stop()
        let name = LogFormat.snapshotName(at: 90)
        let bytes = try #require(storage.contents(of: name))
        for count in 0..<bytes.count {
            storage.setContents(of: name, Array(bytes[..<count]))
            #expect(code { _ = try LocalLog.open(storage: storage) } == .logDamaged, "\(count)")
        }
        storage.setContents(of: name, bytes + [0])
        #expect(code { _ = try LocalLog.open(storage: storage) } == .logDamaged)
    }

    @Test func whileTheLogIsWholeItServesInPlaceOfADamagedSnapshot() throws {
        let (storage, session) = try committed(10)
        try session.writeSnapshot(at: 9, payload(1, count: 300))
        session.log.stop()
        let name = LogFormat.snapshotName(at: 9)
        storage.flipBit(in: name, at: 100, bit: 0)
        let again = try Session(storage)
        #expect(again.snapshot == nil && again.recovered.count == 10)
        #expect(again.warnings.map(\.kind) == [.damagedSnapshot])
        #expect(storage.contents(of: name) == nil && storage.contents(of: name + ".damaged") != nil)
        again.log.stop()
        #expect(try Session(storage).warnings.isEmpty)
    }

    @Test func anOlderSnapshotServesIfTheLogGoesOnFromThere() throws {
        let (storage, session) = try committed(100)
        try session.writeSnapshot(at: 60, [6])
        let old = storage.contents(of: LogFormat.snapshotName(at: 60))
        let segments = try storage.list().filter { $0.hasSuffix(".seg") }
        let contents = segments.map { ($0, storage.contents(of: $0)) }
        try session.writeSnapshot(at: 100, [9])
        session.log.stop()
        // As a crash before the removals would leave it.
        storage.setContents(of: LogFormat.snapshotName(at: 60), old)
        for (name, bytes) in contents { storage.setContents(of: name, bytes) }
        storage.flipBit(in: LogFormat.snapshotName(at: 100), at: 30, bit: 0)
        let again = try Session(storage)
        #expect(again.snapshot == [6] && again.recovered.map(\.index) == Array(61...100))
        #expect(again.warnings.map(\.kind).contains(.damagedSnapshot))
    }

    @Test func aSnapshotWithoutItsLogIsDamage() throws {
        let (storage, session) = try committed(10)
        try session.writeSnapshot(at: 9, [1])
        session.log.stop()
        storage.setContents(of: firstSegment, nil)
        #expect(code { _ = try Session(storage) } == .logDamaged)
    }

    @Test func aLogThatEndsBeforeItsSnapshotIsDamage() throws {
        let (storage, session) = try committed(10)
        try session.writeSnapshot(at: 9, [1])
        storage.killProcess()
        var bytes = try #require(storage.contents(of: firstSegment))
        for position in 64 + 7 * LogFormat.recordBytes(payload: 100)..<bytes.count {
            bytes[position] = 0
        }
        storage.setContents(of: firstSegment, bytes)
        #expect(code { _ = try Session(storage) } == .logDamaged)
    }
}
