import Testing
import ThalwegModel

@testable import ThalwegLog

@Suite("A torn tail is cut, damage is never served")
struct DamageTests {
    /// A directory whose log was not stopped, without its mark: entries 1–3, each its own group.
    private func unfinished(count: Int = 50) throws -> (FaultyStorage, ends: [Int]) {
        let storage = FaultyStorage(seed: 1)
        let session = try Session(storage)
        for number in 1...3 { try session.commit(payload(number, count: count)) }
        storage.killProcess()
        let size = LogFormat.recordBytes(payload: count)
        return (storage, (0...3).map { LogFormat.segmentHeaderBytes + $0 * size })
    }

    private func expectDamage(
        _ storage: FaultyStorage, in name: String, _ comment: String = ""
    ) throws {
        do {
            _ = try Session(storage)
            Issue.record("damage was served: \(comment)")
        } catch let error as ThalwegError {
            #expect(error.code == .logDamaged, "\(comment): \(error)")
            #expect(error.message.contains(name) && error.message.contains("byte"), "\(error)")
            #expect(!error.advice.isEmpty)
        }
        let report = try LogVerifier(storage: storage).verify()
        #expect(report.firstError?.code == .logDamaged, "\(comment)")
    }

    @Test func aTailTornAtAnyByteIsCut() throws {
        let (whole, ends) = try unfinished()
        let bytes = try #require(whole.contents(of: firstSegment))
        for cut in ends[2]..<ends[3] {
            let storage = FaultyStorage(seed: 2)
            var torn = bytes
            for position in cut..<torn.count { torn[position] = 0 }
            storage.setContents(of: firstSegment, torn)
            let session = try Session(storage)
            // The payload's end and the padding may be zero already; then nothing was torn.
            let isWhole = torn == bytes
            #expect(session.recovered.count == (isWhole ? 3 : 2), "cut at \(cut)")
            let isTorn = !isWhole && torn[ends[2]...].contains { $0 != 0 }
            #expect(session.warnings.map(\.kind) == (isTorn ? [.tornTail] : []), "cut at \(cut)")
            if let warning = session.warnings.first {
                #expect(warning.file == firstSegment && warning.offset == UInt64(ends[2]))
                #expect(warning.bytes > 0 && warning.bytes <= UInt64(cut - ends[2]))
            }
            // What was cut stays cut, and the log goes on in its place.
            try session.commit([9])
            session.log.stop()
            let again = try Session(storage)
            #expect(again.warnings.isEmpty)
            #expect(again.recovered.last?.payload == [9])
            #expect(again.recovered.count == session.recovered.count + 1)
        }
    }

    @Test func aFileCutShortAtAnyByteOfTheLastRecordIsCut() throws {
        let (whole, ends) = try unfinished()
        let bytes = try #require(whole.contents(of: firstSegment))
        for end in ends[2]..<ends[3] {
            let storage = FaultyStorage(seed: 3)
            storage.setContents(of: firstSegment, Array(bytes[..<end]))
            #expect(try Session(storage).recovered.count == 2, "cut at \(end)")
        }
    }

    /// A large entry torn by a killed process holds thousands of places where a header could begin.
    @Test func aTornPayloadFullOfLookAlikesIsCut() throws {
        let storage = FaultyStorage(seed: 9)
        var options = LogOptions()
        options.segmentBytes = 1 << 20
        let session = try Session(storage, options)
        for number in 1...3 { try session.commit(payload(number)) }
        // Each word is a length below the limit and, taken as an index, above the missing one.
        var word: UInt64 = 0x9e37_79b9_7f4a_7c15
        var lookAlikes: [UInt8] = []
        for _ in 0..<32_768 {
            word = word &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let value = word & 0xffff_ffff_03ff_ffff
            withUnsafeBytes(of: value.littleEndian) { lookAlikes.append(contentsOf: $0) }
        }
        try session.commit(lookAlikes)
        storage.killProcess()
        var bytes = try #require(storage.contents(of: firstSegment))
        let start = LogFormat.segmentHeaderBytes + 3 * LogFormat.recordBytes(payload: 100)
        let end = start + LogFormat.recordBytes(payload: lookAlikes.count)
        for position in end - 1_000..<bytes.count { bytes[position] = 0 }
        let torn = FaultyStorage(seed: 10)
        torn.setContents(of: firstSegment, bytes)
        let again = try Session(torn)
        #expect(again.recovered.count == 3)
        #expect(again.warnings.map(\.kind) == [.tornTail])
        #expect(again.warnings.first?.offset == UInt64(start))
    }

    @Test func anyFlippedBitBeforeTheLastGroupIsDamage() throws {
        let (storage, ends) = try unfinished()
        for position in 0..<ends[2] {
            let bit = position % 8
            storage.flipBit(in: firstSegment, at: position, bit: bit)
            try expectDamage(storage, in: firstSegment, "byte \(position)")
            storage.flipBit(in: firstSegment, at: position, bit: bit)
        }
        #expect(try Session(storage).recovered.count == 3)
    }

    @Test func afterACleanStopAnyFlippedBitOfARecordIsDamage() throws {
        let storage = FaultyStorage(seed: 4)
        let session = try Session(storage)
        for number in 1...2 { try session.commit(payload(number, count: 50)) }
        session.log.stop()
        let end = LogFormat.segmentHeaderBytes + 2 * LogFormat.recordBytes(payload: 50)
        for position in 0..<end {
            storage.flipBit(in: firstSegment, at: position, bit: 3)
            try expectDamage(storage, in: firstSegment, "byte \(position)")
            storage.flipBit(in: firstSegment, at: position, bit: 3)
        }
        // The mark itself holds no entry: without it nothing is lost.
        storage.flipBit(in: firstSegment, at: end + 9, bit: 3)
        let again = try Session(storage)
        #expect(again.recovered.count == 2 && again.warnings.map(\.kind) == [.tornTail])
    }

    @Test func anUnacknowledgedGroupWithAHoleIsCutAsAWhole() throws {
        let storage = FaultyStorage(seed: 5)
        let session = try Session(storage)
        try session.commit(payload(1))
        for number in 2...5 { _ = try session.log.append(tag: 0, payload: payload(number)) }
        #expect(session.log.takeTurn() == .progressed)
        storage.killProcess()
        // The disk kept entries 4 and 5 of the group and not 3, as it may before a sync.
        let size = LogFormat.recordBytes(payload: 100)
        var bytes = try #require(storage.contents(of: firstSegment))
        for position in 64 + 2 * size..<64 + 3 * size { bytes[position] = 0 }
        storage.setContents(of: firstSegment, bytes)
        let again = try Session(storage)
        #expect(again.recovered.map(\.index) == [1, 2])
        // Up to the last byte that is not zero, which the padding's four are.
        #expect(again.warnings.first?.bytes == UInt64(3 * size - 4))
        // Entries 4 and 5 must not come back behind a new entry 3 of the same size.
        try again.commit(payload(33))
        storage.killProcess()
        #expect(try Session(storage).recovered.map(\.index) == [1, 2, 3])
    }

    /// A log of several segments, stopped cleanly; the first indices of its segments.
    private func manySegments() throws -> (FaultyStorage, [UInt64]) {
        let storage = FaultyStorage(seed: 6)
        let session = try Session(storage)
        for number in 1...120 { try session.commit(payload(number)) }
        session.log.stop()
        let firsts = try storage.list().compactMap { LogFormat.segmentIndex(name: $0) }.sorted()
        #expect(firsts.count >= 4)
        return (storage, firsts)
    }

    @Test func aMissingSegmentIsNamed() throws {
        let (storage, firsts) = try manySegments()
        for first in firsts {
            let name = LogFormat.segmentName(first: first)
            let bytes = storage.contents(of: name)
            storage.setContents(of: name, nil)
            let blamed = first == 1 ? LogFormat.segmentName(first: firsts[1]) : name
            try expectDamage(storage, in: blamed, "segment \(first)")
            storage.setContents(of: name, bytes)
        }
        #expect(try Session(storage).recovered.count == 120)
    }

    @Test func damageInEverySegmentIsFound() throws {
        let (storage, firsts) = try manySegments()
        let size = LogFormat.recordBytes(payload: 100)
        for first in firsts {
            let name = LogFormat.segmentName(first: first)
            // Header, record header, payload, padding, and the last record.
            var places = [3, 20, 50, 64 + 1, 64 + 9, 64 + 40, 64 + size - 1]
            let next = firsts.first { $0 > first }
            if let next {
                let seal = 64 + Int(next - first) * size
                places += [seal - 5, seal + 2, seal + 12, seal + 40]
            }
            for place in places {
                storage.flipBit(in: name, at: place, bit: 6)
                try expectDamage(storage, in: name, "segment \(first), byte \(place)")
                storage.flipBit(in: name, at: place, bit: 6)
            }
        }
        #expect(try Session(storage).recovered.count == 120)
    }

    @Test func aSegmentOfAnotherLogIsRefused() throws {
        let (storage, firsts) = try manySegments()
        let (other, _) = try manySegments()
        let name = LogFormat.segmentName(first: firsts[1])
        storage.setContents(of: name, other.contents(of: name))
        try expectDamage(storage, in: name)
    }

    @Test func aRenamedSegmentIsRefused() throws {
        let (storage, firsts) = try manySegments()
        let name = LogFormat.segmentName(first: firsts[1])
        let bytes = storage.contents(of: name)
        storage.setContents(of: name, nil)
        let wrong = LogFormat.segmentName(first: firsts[1] - 1)
        storage.setContents(of: wrong, bytes)
        #expect(code { _ = try Session(storage) } == .logDamaged)
    }

    @Test func aCrashBetweenANewSegmentAndTheSealOfTheOldIsFinished() throws {
        let (storage, firsts) = try manySegments()
        // Only an empty last segment may follow one without a seal.
        let name = LogFormat.segmentName(first: firsts[1])
        var sealed = try #require(storage.contents(of: firstSegment))
        let seal = 64 + Int(firsts[1] - 1) * LogFormat.recordBytes(payload: 100)
        for position in seal + 5..<seal + 32 { sealed[position] = 0 }
        storage.setContents(of: firstSegment, sealed)
        try expectDamage(storage, in: firstSegment)

        for first in firsts[2...] {
            storage.setContents(of: LogFormat.segmentName(first: first), nil)
        }
        var empty = try #require(storage.contents(of: name))
        for position in 64..<empty.count { empty[position] = 0 }
        storage.setContents(of: name, empty)
        let session = try Session(storage)
        #expect(session.recovered.count == Int(firsts[1] - 1))
        try session.commit([1])
        session.log.stop()
        #expect(try Session(storage).recovered.count == Int(firsts[1]))
    }
}
