import Testing
import ThalwegModel

@testable import ThalwegLog

@Suite("What fails, fails as promised")
struct FaultTests {
    @Test func shortReadsAndWritesAreContinued() throws {
        let storage = FaultyStorage(seed: 1)
        var faults = StorageFaults()
        faults.areTransfersShort = true
        storage.setFaults(faults)
        let session = try Session(storage)
        for number in 1...60 { try session.commit(payload(number, count: number * 9)) }
        try session.writeSnapshot(at: 20, payload(3, count: 5000))
        session.log.stop()
        let again = try Session(storage)
        #expect(again.snapshot == payload(3, count: 5000))
        #expect(again.recovered.map(\.payload) == (21...60).map { payload($0, count: $0 * 9) })
    }

    @Test(arguments: [0, 1, 31, 32, 33, 500, 5000])
    func aFullDiskKeepsWhatIsQueuedAndGoesOnWhenThereIsRoom(room: Int) throws {
        let storage = FaultyStorage(seed: 2)
        let session = try Session(storage)
        try session.commit(payload(1))
        var faults = StorageFaults()
        faults.writableBytes = room
        storage.setFaults(faults)
        for number in 2...61 { _ = try session.log.append(tag: 7, payload: payload(number)) }
        #expect(session.drain() == .blocked)
        #expect(session.log.statistics.isDiskFull)
        let reported = session.receiver.entries.count
        #expect(session.log.durableIndex == UInt64(reported) && reported < 61)
        #expect(code { _ = try session.log.append(tag: 0, payload: [1]) } == .diskFull)
        #expect(session.drain() == .blocked)

        storage.setFaults(StorageFaults())
        #expect(session.drain() == .idle)
        #expect(session.receiver.entries.map(\.payload) == (1...61).map { payload($0) })
        #expect(session.receiver.failures.isEmpty && !session.log.statistics.isDiskFull)
        #expect(try session.log.append(tag: 0, payload: [1]) == 62)
        session.log.stop()
        #expect(try Session(storage).recovered.count == 62)
    }

    @Test func noRoomForANewSegmentBlocksAndGoesOn() throws {
        let storage = FaultyStorage(seed: 3)
        let session = try Session(storage)
        var faults = StorageFaults()
        faults.capacityBytes = 10_000
        storage.setFaults(faults)
        for number in 1...100 { _ = try session.log.append(tag: 7, payload: payload(number)) }
        #expect(session.drain() == .blocked)
        #expect(session.log.statistics.segments == 2)
        #expect(try storage.list().count == 2)
        storage.setFaults(StorageFaults())
        #expect(session.drain() == .idle)
        #expect(session.receiver.entries.count == 100)
    }

    @Test func stoppingWhileFullSaysWhatIsLost() throws {
        let storage = FaultyStorage(seed: 4)
        let session = try Session(storage)
        try session.commit([1])
        var faults = StorageFaults()
        faults.writableBytes = 100
        storage.setFaults(faults)
        for number in 2...9 { _ = try session.log.append(tag: 7, payload: payload(number)) }
        session.log.stop()
        #expect(session.receiver.failures.map(\.code) == [.diskFull])
        #expect(session.receiver.entries.count == 1)
        storage.setFaults(StorageFaults())
        // What was written of the group is a torn tail, or whole entries that nobody was promised.
        #expect(try Session(storage).recovered.first?.payload == [1])
    }

    @Test(arguments: 1...6)
    func aFailedSyncEndsTheLogForEver(call: Int) throws {
        let storage = FaultyStorage(seed: 5)
        let session = try Session(storage)
        try session.commit([1])
        var faults = StorageFaults()
        faults.failingSynchronization = call
        storage.setFaults(faults)
        // The group rolls the segment, so every kind of sync comes along.
        for number in 2...99 { _ = try session.log.append(tag: 7, payload: payload(number)) }
        #expect(session.drain() == .ended)
        #expect(session.receiver.failures.map(\.code) == [.syncFailed])
        #expect(session.log.takeTurn() == .ended)
        #expect(session.receiver.failures.count == 1)
        #expect(storage.synchronizationCount == call, "a failed sync is never repeated")
        #expect(code { _ = try session.log.append(tag: 7, payload: [1]) } == .syncFailed)
        let reported = session.receiver.entries
        session.log.stop()
        #expect(storage.synchronizationCount == call)
        storage.crash()
        let again = try Session(storage)
        #expect(again.recovered.starts(with: reported))
    }

    @Test func aFailedWriteEndsTheLog() throws {
        let storage = FaultyStorage(seed: 6)
        let session = try Session(storage)
        var faults = StorageFaults()
        faults.failingWrite = 1
        storage.setFaults(faults)
        _ = try session.log.append(tag: 0, payload: [1])
        #expect(session.drain() == .ended)
        #expect(session.receiver.failures.map(\.code) == [.storageFailed])
        #expect(session.receiver.entries.isEmpty)
    }

    @Test func withoutSyncsAKilledProcessLosesNothing() throws {
        let storage = FaultyStorage(seed: 7)
        var options = LogOptions.small
        options.syncPolicy = .never
        let session = try Session(storage, options)
        storage.setFaults(StorageFaults())
        for number in 1...20 { try session.commit(payload(number)) }
        #expect(storage.synchronizationCount == 0)
        storage.killProcess()
        #expect(try Session(storage, options).recovered.count == 20)
    }
}
