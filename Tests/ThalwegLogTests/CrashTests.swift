import Testing
import ThalwegModel

@testable import ThalwegLog

@Suite("Power failures at random")
struct CrashTests {
    /// What must be true of a log, kept beside it.
    private struct Model {
        /// Payloads of entries 1, 2, 3, … as appended in the lives that led here.
        var appended: [[UInt8]] = []
        /// Entries up to here were reported committed.
        var committed = 0
        /// The newest snapshot that was reported finished.
        var snapshot = 0

        /// The state after `index` entries, as a snapshot holds it.
        func state(after index: Int) -> [UInt8] {
            var sum: UInt32 = 1
            for payload in appended.prefix(index) {
                sum = payload.withUnsafeBytes { Checksum.extend(sum &+ 1, $0) }
            }
            return Array("\(index) \(sum)".utf8) + [UInt8](repeating: 5, count: index * 30)
        }

        /// Checks a recovered log, and forgets what it may have lost.
        mutating func check(_ session: Session, _ comment: Comment) {
            let start = Int(session.snapshotIndex)
            let last = Int(session.log.lastIndex)
            #expect(start >= snapshot, comment)
            #expect(last >= committed, comment)
            #expect(last <= appended.count, comment)
            let indices = (start..<max(start, last)).map { UInt64($0 + 1) }
            #expect(session.recovered.map(\.index) == indices, comment)
            guard last <= appended.count, start <= last else { return }
            #expect(session.recovered.map(\.payload) == Array(appended[start..<last]), comment)
            if start > 0 { #expect(session.snapshot == state(after: start), comment) }
            appended.removeLast(appended.count - last)
            committed = last
            snapshot = start
        }
    }

    @Test(arguments: 0..<5)
    func whatWasCommittedSurvivesAndNothingElseAppears(part: UInt64) throws {
        for round in 0..<420 {
            try live(seed: part * 1_000_000 + UInt64(round))
        }
    }

    private func live(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed &* 0x9e37)
        let storage = FaultyStorage(seed: seed)
        var model = Model()
        for life in 0..<5 {
            let comment: Comment = "seed \(seed), life \(life)"
            storage.setFaults(faults(&random))
            do {
                let session = try Session(storage)
                model.check(session, comment)
                work(session, &model, &random)
                #expect(session.receiver.failures.count <= 1, comment)
            } catch let error as ThalwegError {
                // Opening may meet the power cut or the full disk too.
                #expect([.storageFailed, .diskFull].contains(error.code), "\(comment): \(error)")
            }
            if Int.random(in: 0..<4, using: &random) == 0 {
                storage.killProcess()
            } else {
                storage.crash()
            }
        }
        let session = try Session(storage)
        model.check(session, "seed \(seed), at the end")
        session.log.stop()
        #expect(try LogVerifier(storage: storage).verify().firstError == nil, "seed \(seed)")
    }

    private func faults(_ random: inout SeededGenerator) -> StorageFaults {
        var faults = StorageFaults()
        if Int.random(in: 0..<4, using: &random) > 0 {
            faults.powerCutAtOperation = Int.random(in: 1..<80, using: &random)
        }
        faults.areTransfersShort = Int.random(in: 0..<4, using: &random) == 0
        if Int.random(in: 0..<6, using: &random) == 0 {
            faults.writableBytes = Int.random(in: 0..<20_000, using: &random)
        }
        return faults
    }

    private func work(
        _ session: Session, _ model: inout Model, _ random: inout SeededGenerator
    ) {
        for _ in 0..<Int.random(in: 1..<40, using: &random) {
            switch Int.random(in: 0..<10, using: &random) {
            case 0..<6:
                let isLarge = Int.random(in: 0..<30, using: &random) == 0
                let count = Int.random(in: 0..<(isLarge ? 6000 : 400), using: &random)
                let bytes = payload(Int.random(in: 0..<1000, using: &random), count: count)
                if (try? session.log.append(tag: 1, payload: bytes)) != nil {
                    model.appended.append(bytes)
                }
            case 6..<9:
                _ = session.log.takeTurn()
            default:
                let durable = Int(session.log.durableIndex)
                guard durable > model.snapshot else { break }
                let index = Int.random(in: model.snapshot + 1...durable, using: &random)
                let state = model.state(after: index)
                if (try? session.writeSnapshot(at: UInt64(index), state)) != nil {
                    model.snapshot = index
                }
            }
            model.committed = max(model.committed, Int(session.receiver.entries.last?.index ?? 0))
        }
        // Some lives end in order; the power may fail within that too.
        if Int.random(in: 0..<4, using: &random) == 0 {
            session.log.stop()
            model.committed = max(model.committed, Int(session.receiver.entries.last?.index ?? 0))
        }
    }
}
