import Testing
import ThalwegModel
import ThalwegWire

@testable import ThalwegEngine

/// The end of an epoch of a stream, step by step.
@Suite struct StreamEpochTests {
    private let id = TopicID(5)
    private let source = SourceID(7)

    private func key(_ number: UInt8) -> [UInt8] { [number, 0, 0, 0, 0, 0, 0, 0] }

    private func put(_ leader: Partition, _ number: UInt8, source: UInt16 = 7) throws {
        try leader.merge(
            id, [NaiveWrite(key: key(number), body: .assert([number]))], source: source)
    }

    private func sealed(_ leader: Partition) throws -> [UInt8] {
        try #require(leader.seal(id)?.entry)
    }

    @Test func theOpenGroupWaitsUntilWhatIsOnItsWayIsApplied() throws {
        let leader = Partition(seed: 1)
        let definition = TopicDefinition(
            name: "stream", keyKind: .u64, schema: nil,
            options: TopicOptions(writes: .every, history: .forever))
        _ = try leader.apply(createEntry(id, definition))
        for number in 1...3 as ClosedRange<UInt8> { try put(leader, number) }
        _ = try leader.apply(try sealed(leader))
        // Written before the epoch, applied in it.
        try put(leader, 4)
        let before = try sealed(leader)
        try leader.beginEpoch(id, source: source, number: 1)
        try put(leader, 1)
        _ = try leader.apply(before)
        let inEpoch = try sealed(leader)
        #expect(try leader.endEpoch(id, source: source, number: 1) == [id])
        func search() -> WalkStep {
            leader.searchEpoch(id, source: source, number: 1, limit: 100)
        }
        #expect(search() == .waits, "it is not known yet what was asserted in it")
        _ = try leader.apply(inEpoch)

        // Behind the end: one group on its way, one open.
        try put(leader, 2)
        let behind = try sealed(leader)
        #expect(search() == .waits)
        try put(leader, 3)
        try put(leader, 9, source: 8)
        let held = leader.seal(id)?.entry == nil
        #expect(held, "what is open comes behind the end")
        _ = try leader.apply(behind)
        #expect(search() == .isDone)
        let end = try #require(
            try leader.cutDifference(
                id, source: source, number: 1, time: Timestamp(microseconds: 1), token: 50))
        let last = try sealed(leader)
        #expect(try leader.apply(end).completions.map(\.token) == [50])
        let history = try leader.readHistory(id, after: 6).map { "\($0.kind) \($0.key[0])" }
        #expect(history == ["deleted 3", "deleted 4"], "1 was asserted in it, 2 behind it")
        _ = try leader.apply(last)
        #expect(
            try leader.readHistory(id, after: 8).map { "\($0.kind) \($0.key[0])" }
                == ["created 3", "created 9"])
        try leader.beginEpoch(id, source: source, number: 2)
    }
}
