import Testing
import ThalwegModel

@testable import ThalwegLog

@Suite("The log of a node alone becomes that of a cluster's first node")
struct AdoptionTests {
    private static let entries = 12
    private static let place = SnapshotPlace(
        term: 1, membershipIndex: UInt64(entries), membership: payload(3, count: 50))

    private static func state(_ index: Int) -> [UInt8] { payload(index, count: 6_000) }

    /// Several segments, and a snapshot in their middle or at their end, or none.
    private static func made(_ seed: UInt64, snapshot: Int) throws -> FaultyStorage {
        let storage = FaultyStorage(seed: seed)
        let session = try Session(storage)
        for number in 1...entries {
            try session.commit(payload(number, count: 900))
            if number == snapshot { try session.writeSnapshot(at: UInt64(number), state(number)) }
        }
        session.log.stop()
        return storage
    }

    private static func adopt(_ storage: FaultyStorage) throws {
        let opened = try LocalLog.open(storage: storage, options: .small)
        defer { opened.log.stop() }
        try opened.log.becomeReplica(
            node: 9, cluster: 4, place: place
        ) { (append) throws(ThalwegError) in
            try append(Array(state(entries).prefix(10)))
            try append(Array(state(entries).dropFirst(10)))
        }
    }

    /// Looks at what a node would find, and gives whether it is a cluster's.
    private static func check(
        _ storage: FaultyStorage, snapshot: Int, _ comment: Comment
    ) throws -> Bool {
        guard try ReplicaLog.isThere(storage) else {
            let session = try Session(storage)
            let start = Int(session.snapshotIndex)
            #expect([0, snapshot, entries].contains(start), comment)
            if start > 0 { #expect(session.snapshot == state(start), comment) }
            #expect(
                session.recovered.map(\.payload)
                    == (start..<entries).map { payload($0 + 1, count: 900) }, comment)
            session.log.stop()
            return false
        }
        let opened = try ReplicaLog.open(storage: storage, options: .small, newNode: 77)
        let found = try #require(opened.snapshot, comment)
        #expect(found.index == UInt64(entries) && found.place == place, comment)
        #expect(try found.readAll() == state(entries), comment)
        #expect(try opened.entries.readAll().isEmpty, comment)
        #expect(opened.state.node == 9 && opened.state.cluster == 4, comment)
        #expect(opened.state.term == 1 && opened.state.install == 0, comment)
        // It goes on behind the last entry.
        let next = LogEntry(index: UInt64(entries) + 1, tag: 1, payload: payload(5), term: 2)
        try opened.log.append([next])
        #expect(opened.log.durableIndex == next.index, comment)
        opened.log.close()
        #expect(code { _ = try LocalLog.open(storage: storage, options: .small) } != nil, comment)
        return true
    }

    @Test("and loses nothing, wherever a crash interrupts it", arguments: [0, 7, 12])
    func everyCrash(snapshot: Int) throws {
        for seed in UInt64(0)..<2 {
            var cut = 0
            var isWhole = false
            while !isWhole {
                cut += 1
                let comment: Comment = "seed \(seed), snapshot \(snapshot), cut \(cut)"
                let storage = try Self.made(seed, snapshot: snapshot)
                storage.setFaults(StorageFaults(powerCutAtOperation: cut))
                do {
                    try Self.adopt(storage)
                    let opened = try ReplicaLog.open(
                        storage: storage, options: .small, newNode: 77)
                    opened.log.close()
                    isWhole = storage.operationCount < cut
                } catch let error as ThalwegError {
                    #expect(error.code == .storageFailed, "\(comment): \(error)")
                }
                storage.crash()
                if try Self.check(storage, snapshot: snapshot, comment) { continue }
                #expect(!isWhole, comment)
                // The next start begins anew.
                try Self.adopt(storage)
                #expect(try Self.check(storage, snapshot: snapshot, comment))
            }
            #expect(cut > 20, "the cuts go through all of it")
        }
    }

    @Test("or stays what it is where the disk has no room")
    func aFullDisk() throws {
        let storage = try Self.made(1, snapshot: 7)
        storage.setFaults(StorageFaults(writableBytes: 3_000))
        #expect(code { try Self.adopt(storage) } == .diskFull)
        storage.setFaults(StorageFaults())
        #expect(try !Self.check(storage, snapshot: 7, "after a full disk"))
        try Self.adopt(storage)
        #expect(try Self.check(storage, snapshot: 7, "with room again"))
    }
}

extension StorageFaults {
    fileprivate init(powerCutAtOperation: Int? = nil, writableBytes: Int? = nil) {
        self.init()
        self.powerCutAtOperation = powerCutAtOperation
        self.writableBytes = writableBytes
    }
}
