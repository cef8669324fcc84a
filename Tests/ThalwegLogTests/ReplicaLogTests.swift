import Testing
import ThalwegModel

@testable import ThalwegLog

@Suite("The log of a node in a cluster")
struct ReplicaLogTests {
    /// What must be true of the disk, kept beside it.
    private struct Model: Equatable {
        var vote: [UInt64] = [0, 0]
        var snapshot: UInt64 = 0
        var entries: [LogEntry] = []

        var last: UInt64 { snapshot + UInt64(entries.count) }

        var brief: String {
            "vote \(vote) snapshot \(snapshot) entries \(entries.map { "\($0.index)/\($0.term)" })"
        }

        mutating func cut(from index: UInt64) { entries.removeAll { $0.index >= index } }
    }

    private static func state(_ index: UInt64) -> [UInt8] { payload(Int(index), count: 2_000) }

    private func read(_ storage: any Storage) throws -> (ReplicaLog, Model, [RecoveryWarning]) {
        let opened = try ReplicaLog.open(storage: storage, options: .small, newNode: 9)
        var model = Model()
        model.vote = [opened.state.term, opened.state.vote]
        model.snapshot = opened.snapshot?.index ?? 0
        if let snapshot = opened.snapshot {
            #expect(try snapshot.readAll() == Self.state(snapshot.index))
            #expect(snapshot.place == Self.place(snapshot.index))
        }
        model.entries = try opened.entries.readAll()
        #expect(opened.state.node == 9)
        #expect(opened.log.durableIndex == model.last)
        return (opened.log, model, opened.warnings)
    }

    private static func place(_ index: UInt64) -> SnapshotPlace {
        SnapshotPlace(term: index, membershipIndex: index / 2, membership: payload(3, count: 50))
    }

    private static func entry(_ index: UInt64, _ random: inout SeededGenerator) -> LogEntry {
        LogEntry(
            index: index, tag: 1,
            payload: payload(
                Int.random(in: 0..<1_000, using: &random),
                count: Int.random(in: 0..<900, using: &random)),
            term: .random(in: 1...9, using: &random), kind: index % 7 == 0 ? .barrier : .command)
    }

    @Test(arguments: 0..<4)
    func whatWasPromisedSurvivesEachCrash(part: UInt64) throws {
        for round in 0..<40 { try live(seed: part * 1_000 + UInt64(round)) }
    }

    private func live(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed &* 0x51ed)
        let storage = FaultyStorage(seed: seed)
        /// What the disk may hold: the last promise, and what was under way.
        var possible = [Model()]
        for life in 0..<6 {
            let comment: Comment = "seed \(seed), life \(life)"
            var faults = StorageFaults()
            if life < 5 { faults.powerCutAtOperation = .random(in: 1...200, using: &random) }
            faults.areTransfersShort = Bool.random(using: &random)
            storage.setFaults(faults)
            do {
                let (log, found, _) = try read(storage)
                let isPrefix = possible.contains { wanted in
                    found.vote == wanted.vote && found.snapshot == wanted.snapshot
                        && found.entries.elementsEqual(wanted.entries)
                }
                #expect(isPrefix, "\(comment): \(found.brief) of \(possible.map(\.brief))")
                guard isPrefix else { return }
                var model = found
                possible = [model]
                for _ in 0..<60 {
                    try act(log, &model, &possible, &random)
                    possible = [model]
                }
                #expect(
                    try readBack(log, model) == model.entries, comment)
                log.close()
            } catch let error as ThalwegError {
                #expect(error.code == .storageFailed, "\(comment): \(error)")
            }
            storage.crash()
        }
    }

    private func readBack(_ log: ReplicaLog, _ model: Model) throws -> [LogEntry] {
        guard let first = model.entries.first else { return [] }
        var read: [LogEntry] = []
        while read.count < model.entries.count {
            read += try log.entries(
                from: first.index + UInt64(read.count), through: model.last, maximumBytes: 1_500)
        }
        return read
    }

    private func act(
        _ log: ReplicaLog, _ model: inout Model, _ possible: inout [Model],
        _ random: inout SeededGenerator
    ) throws {
        switch Int.random(in: 0..<20, using: &random) {
        case 0, 1, 2:
            model.vote[0] += 1
            model.vote[1] = .random(in: 0...5, using: &random)
            possible.append(model)
            var state = log.state
            (state.term, state.vote) = (model.vote[0], model.vote[1])
            try log.save(state)
        case 3 where !model.entries.isEmpty:
            let index = UInt64.random(in: model.snapshot + 1...model.last, using: &random)
            model.cut(from: index)
            possible.append(model)
            try log.truncate(from: index)
        case 5:
            let index = model.last + .random(in: 0...20, using: &random)
            guard index > model.snapshot else { return }
            let incoming = try log.beginIncoming(at: index, place: Self.place(index))
            try incoming.append(Self.state(index))
            try incoming.complete()
            model.snapshot = index
            model.entries = []
            possible.append(model)
            try log.install(incoming)
        case 6 where model.entries.count > 3:
            let index = UInt64.random(in: model.snapshot + 1...model.last, using: &random)
            let incoming = try log.beginIncoming(at: index, place: Self.place(index))
            try incoming.append(Self.state(index))
            try incoming.complete()
            model.snapshot = index
            model.entries.removeAll { $0.index <= index }
            possible.append(model)
            try log.publish(incoming, keepingFrom: index + 1)
        case 7:
            try log.writeMark()
        default:
            let count = Int.random(in: 1...6, using: &random)
            var group: [LogEntry] = []
            for _ in 0..<count {
                group.append(Self.entry(model.last + 1, &random))
                model.entries.append(group[group.count - 1])
                possible.append(model)
            }
            try log.append(group)
        }
    }

    @Test func aNodeThatStandsAloneDoesNotOpenIt() throws {
        let storage = FaultyStorage(seed: 1)
        let (log, _, _) = try read(storage)
        log.close()
        #expect(code { _ = try LocalLog.open(storage: storage) } == .invalidConfiguration)
    }

    @Test(arguments: 0..<2)
    func oneDamagedCopyOfTheVoteLosesNothing(copy: Int) throws {
        let storage = FaultyStorage(seed: 1)
        let (log, _, _) = try read(storage)
        var state = log.state
        (state.term, state.vote) = (7, 3)
        try log.save(state)
        log.close()
        storage.flipBit(in: ReplicaStateFiles.names[copy], at: 44, bit: 3)
        let (again, model, _) = try read(storage)
        #expect(model.vote == [7, 3])
        again.close()
        storage.flipBit(in: ReplicaStateFiles.names[0], at: 20, bit: 1)
        storage.flipBit(in: ReplicaStateFiles.names[1], at: 20, bit: 1)
        #expect(code { _ = try read(storage) } == .logDamaged)
    }

    @Test func truncatedEntriesAreNoEvidenceOfDamage() throws {
        let storage = FaultyStorage(seed: 1)
        var random = SeededGenerator(seed: 3)
        let (log, _, _) = try read(storage)
        for index in 1...40 { try log.append([Self.entry(UInt64(index), &random)]) }
        try log.truncate(from: 12)
        let entry = Self.entry(12, &random)
        try log.append([entry])
        log.closeAbruptly()
        storage.crash()
        let (_, model, warnings) = try read(storage)
        #expect(model.last == 12 && model.entries.last == entry)
        #expect(warnings.isEmpty)
    }
}
