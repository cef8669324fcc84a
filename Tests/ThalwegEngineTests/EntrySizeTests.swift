import Testing
import ThalwegModel
import ThalwegWire

@testable import ThalwegEngine

/// What is gathered fits into an entry of the log, or is refused; it is never tried for ever.
@Suite struct EntrySizeTests {
    private static let id = TopicID(1)
    private static let entryBytes = 10_000

    private static func key(_ number: UInt8) -> [UInt8] {
        [number] + [UInt8](repeating: 0, count: 7)
    }

    private static func put(_ number: UInt8, bytes: Int) -> NaiveWrite {
        NaiveWrite(key: key(number), body: .assert([UInt8](repeating: number, count: bytes)))
    }

    private func partition(_ writes: TopicOptions.Writes) throws -> Partition {
        var limits = Limits()
        limits.entryBytes = Self.entryBytes
        let partition = Partition(seed: 1, limits: limits)
        let definition = TopicDefinition(
            name: "values", keyKind: .u64, schema: nil, options: TopicOptions(writes: writes))
        _ = try partition.apply(createEntry(Self.id, definition))
        return partition
    }

    @Test(arguments: [
        TopicOptions.Writes.coalesced(windowMicroseconds: 20_000), TopicOptions.Writes.every,
    ])
    func whatWaitsIsCutEarlyAndThenRefused(writes: TopicOptions.Writes) throws {
        let partition = try partition(writes)
        try partition.merge(Self.id, [Self.put(1, bytes: 1_000)])
        #expect(!partition.isGroupFull(Self.id))
        try partition.merge(Self.id, [Self.put(2, bytes: 1_000), Self.put(3, bytes: 1_000)])
        #expect(partition.isGroupFull(Self.id), "a quarter of what an entry may have")
        try partition.merge(Self.id, [Self.put(4, bytes: 3_000)])
        let error = #expect(throws: ThalwegError.self) {
            try partition.merge(Self.id, [Self.put(5, bytes: 1_000)])
        }
        #expect(error?.code == .tooManyRequests && error?.limit == 6_250)
        _ = try partition.apply(try #require(partition.seal(Self.id, 1)?.entry))
        try partition.merge(Self.id, [Self.put(5, bytes: 1_000)])
        _ = try partition.apply(try #require(partition.seal(Self.id, 2)?.entry))
        #expect(try partition.describe(Self.id).liveRecords == 5)
    }

    @Test(arguments: [
        TopicOptions.Writes.coalesced(windowMicroseconds: 20_000), TopicOptions.Writes.every,
    ])
    func anEntryThatNoLogTakesIsLetGo(writes: TopicOptions.Writes) throws {
        let partition = try partition(writes)
        try partition.merge(Self.id, [Self.put(1, bytes: 100), Self.put(2, bytes: 100)])
        _ = try partition.apply(try #require(partition.seal(Self.id, 1)?.entry))
        let before = try partition.hash(Self.id)
        // One batch is taken whole, whatever its size.
        try partition.merge(
            Self.id, [Self.put(1, bytes: 6_000), Self.put(3, bytes: 6_000)], token: 7)
        let sealed = try #require(partition.seal(Self.id, 2))
        #expect(sealed.entry == nil && sealed.refusal?.code == .recordTooLarge)
        #expect(sealed.refusal?.limit == UInt64(Self.entryBytes))
        #expect(sealed.completions.map(\.token) == [7])
        #expect(sealed.completions[0].refusal?.code == .recordTooLarge)
        #expect(partition.windowsInFlight(Self.id) == 0)
        #expect(try partition.hash(Self.id) == before)
        // Records go on from where they are.
        try partition.merge(Self.id, [Self.put(1, bytes: 50), Self.put(3, bytes: 50)], token: 8)
        let applied = try partition.apply(try #require(partition.seal(Self.id, 3)?.entry))
        #expect(applied.completions[0].results.map(\.version.rawValue) == [2, 1])
        #expect(try partition.describe(Self.id).liveRecords == 3)
    }

    /// Windows before it are on their way and stay what they are.
    @Test func whatIsOnItsWayIsNotTouched() throws {
        let partition = try partition(.coalesced(windowMicroseconds: 20_000))
        try partition.merge(Self.id, [Self.put(1, bytes: 100)], token: 1)
        let first = try #require(partition.seal(Self.id, 1)?.entry)
        try partition.merge(
            Self.id, [Self.put(1, bytes: 6_000), Self.put(2, bytes: 6_000)], token: 2)
        let sealed = try #require(partition.seal(Self.id, 2))
        #expect(sealed.completions.map(\.token) == [2] && sealed.refusal != nil)
        try partition.merge(Self.id, [Self.put(1, bytes: 100)], token: 3)
        // The same bytes as those on their way: nothing changes, once they are there.
        let third = try #require(partition.seal(Self.id, 3))
        #expect(third.entry == nil && third.completions.isEmpty)
        #expect(try partition.apply(first).completions.map(\.token) == [1, 3])
        #expect(try partition.read(Self.id, Self.key(1))?.version == 1)
        #expect(try partition.read(Self.id, Self.key(2)) == nil)
    }
}
