import Testing
import ThalwegModel

@testable import ThalwegLog

@Suite("What can be read of a damaged log names the members")
struct ReplicaSalvageTests {
    private static let point = SnapshotPlace(term: 1, membershipIndex: 1, membership: [1, 1])

    /// Members at 1, 4 and 7 of the log; with a snapshot, it is of entry 2.
    private func storage(hasSnapshot: Bool) throws -> FaultyStorage {
        let storage = FaultyStorage(seed: 1)
        let log = try ReplicaLog.open(storage: storage, options: .small, newNode: 9).log
        for index in UInt64(1)...9 {
            let isMembership = index % 3 == 1
            try log.append([
                LogEntry(
                    index: index, tag: 0, payload: [UInt8(index)], term: 1,
                    kind: isMembership ? .membership : .command)
            ])
        }
        if hasSnapshot {
            let snapshot = try log.beginIncoming(at: 2, place: Self.point)
            try snapshot.append(Array(repeating: 7, count: 3_000))
            try snapshot.complete()
            try log.publish(snapshot, keepingFrom: 1)
        }
        log.close()
        return storage
    }

    @Test func membersBeforeTheDamageAreFound() throws {
        let storage = try storage(hasSnapshot: false)
        #expect(try ReplicaSalvage.memberships(in: storage) == [[1], [4], [7]])
        // Within entry 6.
        let place = LogFormat.segmentHeaderBytes + 5 * LogFormat.recordBytes(payload: 1) + 3
        storage.flipBit(in: LogFormat.segmentName(first: 1), at: place, bit: 2)
        #expect(try ReplicaSalvage.memberships(in: storage) == [[1], [4]])
        #expect(throws: ThalwegError.self) {
            _ = try ReplicaLog.open(storage: storage, options: .small, newNode: 9)
        }
    }

    @Test func aSnapshotNamesThemTooUnlessItsHeadIsDamaged() throws {
        let storage = try storage(hasSnapshot: true)
        #expect(try ReplicaSalvage.memberships(in: storage) == [[1, 1], [1], [4], [7]])
        storage.flipBit(in: LogFormat.segmentName(first: 1), at: 9, bit: 0)
        #expect(try ReplicaSalvage.memberships(in: storage) == [[1, 1]])
        storage.flipBit(in: LogFormat.snapshotName(at: 2), at: 9, bit: 0)
        #expect(try ReplicaSalvage.memberships(in: storage) == [])
    }
}
