import Testing
import ThalwegModel
import ThalwegWire

@testable import ThalwegEngine

/// While windows hold a record its source set is not in the record. Whoever reads the committed
/// state finds it nevertheless, as it was when the last window was applied.
@Suite struct HeldRecordTests {
    private let partition = Partition(seed: 3)
    private let topic = TopicID(1)
    private let key: [UInt8]

    init() throws {
        key = try Key.u64(7).encoded()
        _ = try partition.apply(
            createEntry(topic, TopicDefinition(name: "held", keyKind: .u64, schema: nil)))
    }

    private func write(_ body: NaiveWrite.Body, from source: UInt16) throws {
        let write = try NaiveWrite(key: key, body: body).packed(nil)
        let outcome = try write.withUnsafeBytes {
            try partition.merge(
                $0, header: WriteBatchHeader(topic: topic, acknowledgement: .none, count: 1),
                source: SourceID(source), time: Timestamp(microseconds: 1), token: nil)
        }
        #expect(outcome.accepted == 1)
    }

    private func seal() throws -> [UInt8] {
        let sealed = partition.seal(topic, time: Timestamp(microseconds: 1))
        return try #require(sealed?.entry)
    }

    private func apply(_ entry: [UInt8]) throws {
        _ = try entry.withUnsafeBytes { try partition.apply($0) }
    }

    /// Who asserts the record as committed; `nil` where there is none.
    private func committed() throws -> [UInt16]? {
        let box = try partition.required(topic)
        let hash = key.withUnsafeBytes { box.state.table.hash.hash($0) }
        let slot = key.withUnsafeBytes { box.state.table.find($0, hash: hash) }
        guard slot != 0, box.state.table.record(slot).isLive else { return nil }
        return box.state.reading(slot).sources
    }

    @Test func windowsInFlightDoNotShowInWhoAssertsTheRecord() throws {
        try write(.assert([1]), from: 1)
        #expect(try committed() == nil)
        let first = try seal()
        try write(.assert([2]), from: 2)
        #expect(try committed() == nil)
        try apply(first)
        #expect(try committed() == [1])
        let second = try seal()
        try write(.retract, from: 1)
        let third = try seal()
        try write(.assert([3]), from: 9)
        #expect(try committed() == [1])
        try apply(second)
        #expect(try committed() == [1, 2])
        try apply(third)
        #expect(try committed() == [2])
        let fourth = try seal()
        try write(.retract, from: 2)
        try write(.retract, from: 9)
        try apply(fourth)
        #expect(try committed() == [2, 9])
        try apply(seal())
        #expect(try committed() == nil)
    }

    @Test func aNodeThatStepsDownFindsThemAgain() throws {
        try write(.assert([1]), from: 1)
        try apply(seal())
        try write(.assert([2]), from: 2)
        _ = try seal()
        try write(.retract, from: 1)
        _ = partition.stepDown()
        #expect(try committed() == [1])
        let box = try partition.required(topic)
        let slot = key.withUnsafeBytes {
            box.state.table.find($0, hash: box.state.table.hash.hash($0))
        }
        #expect(box.state.table.record(slot).pending == 0)
    }

    @Test func setsBehindHandlesAreNotForgottenWhileWindowsHoldTheRecord() throws {
        for source in 1...70 as ClosedRange<UInt16> {
            try write(.assert([UInt8(source)]), from: source)
        }
        try apply(seal())
        let before = try committed()
        #expect(before == Array(1...70))
        try write(.assert([0]), from: 71)
        let box = try partition.required(topic)
        let slot = key.withUnsafeBytes {
            box.state.table.find($0, hash: box.state.table.hash.hash($0))
        }
        #expect(box.state.table.record(slot).pending != 0)
        box.state.sweepSources()
        #expect(try committed() == before)
    }

    @Test func aLogThatKeepsUpNeedsLittleMemoryForWindows() throws {
        func window(_ turn: Int) throws -> [UInt8] {
            var batch: [UInt8] = []
            for number in 0..<4_000 {
                let write = NaiveWrite(
                    key: try Key.u64(UInt64(number)).encoded(),
                    body: .assert([UInt8](repeating: UInt8(turn), count: 80)))
                batch += try write.packed(nil)
            }
            let header = WriteBatchHeader(topic: topic, acknowledgement: .none, count: 4_000)
            _ = try batch.withUnsafeBytes {
                try partition.merge(
                    $0, header: header, source: SourceID(1), time: Timestamp(microseconds: 1),
                    token: nil)
            }
            return try seal()
        }
        func commit(_ entry: [UInt8]) throws {
            try apply(entry)
            partition.recycle(topic, entry: entry)
        }
        // The log falls behind: as many windows as there can be are on their way.
        let entries = try (1...Int(TopicState.ring) - 1).map { try window($0) }
        let many = try #require(partition.memory(of: topic))
        for entry in entries { try commit(entry) }
        for turn in 10..<20 { try commit(window(turn)) }
        let few = try #require(partition.memory(of: topic))
        // Three that are idle and the open one, of eight.
        #expect(few.windows * 3 < many.windows * 2, "\(few.windows) of \(many.windows) bytes")
        #expect(few.entries <= 5 * 4_000 * 120)
        // Nothing is given back in the middle of work, everything when there was none for a while.
        let late = try window(20)
        for _ in 0..<3 { partition.rest() }
        #expect(try #require(partition.memory(of: topic)).windows >= few.windows)
        try commit(late)
        for _ in 0..<3 { partition.rest() }
        let resting = try #require(partition.memory(of: topic))
        #expect(resting.windows + resting.entries < 10_000, "\(resting)")
        #expect(resting.records == few.records)
        try commit(window(21))
        #expect(try partition.describe(topic).lastOffset.rawValue == 19 * 4_000)
    }
}
