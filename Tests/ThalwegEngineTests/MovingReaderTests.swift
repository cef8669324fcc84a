import Testing
import ThalwegModel
import ThalwegWire

@testable import ThalwegEngine

/// Readers that leave one node in the middle of a walk and go on at another, which is behind it.
@Suite struct MovingReaderTests {
    private static let id = TopicID(1)

    private static func key(_ number: UInt8) -> [UInt8] {
        [number] + [UInt8](repeating: 0, count: 7)
    }

    /// Two nodes that have keys 1 to 4; the first has what `change` did to them as well.
    private struct Pair {
        let ahead = Partition(seed: 1)
        let behind = Partition(seed: 2)
        let layout: RowLayout
        /// What the second one lacks.
        var missing: [[UInt8]] = []

        init(_ changes: [[NaiveWrite]]) throws {
            let schema = try Schema([Field("health", .scalar(.u8))])
            layout = try RowLayout(schema)
            let definition = TopicDefinition(name: "values", keyKind: .u64, schema: schema)
            for partition in [ahead, behind] {
                _ = try partition.apply(createEntry(id, definition))
                partition.noteTail(id, isWanted: true, previous: true)
            }
            let first = try (1...4).map { try put($0, 50) }
            _ = try behind.apply(try commit(first))
            for writes in changes { missing.append(try commit(writes)) }
        }

        private func commit(_ writes: [NaiveWrite]) throws -> [UInt8] {
            try ahead.merge(id, writes, layout: layout)
            let entry = try #require(ahead.seal(id)?.entry)
            _ = try ahead.apply(entry)
            return entry
        }

        private func put(_ number: UInt8, _ health: UInt64) throws -> NaiveWrite {
            NaiveWrite(key: key(number), body: .assert(try layout.encode([.unsigned(health)])))
        }
    }

    private static func patch(_ number: UInt8, _ health: UInt64) -> NaiveWrite {
        NaiveWrite(key: key(number), body: .patch([(0, .unsigned(health))]))
    }

    /// What one delivery says: changes, how far it is, and whether it is complete.
    private func read(
        _ partition: Partition, _ position: inout FeedPosition, filter: String = "",
        limitBytes: Int = 1 << 20
    ) throws -> String {
        let query = FeedQuery(filter: try partition.filter(Self.id, filter))
        var writer = ChangesWriter()
        writer.begin(Self.id)
        let progress = try partition.encodeChanges(
            Self.id, at: &position, query: query, limitBytes: limitBytes, into: &writer)
        let payload = writer.finish(
            progress.isComplete ? .caughtUp : [], resume: progress.reached,
            completeAt: progress.completeAt
        ).payload
        let told = try FoldedChange.all(payload, .u64).changes.map { "\($0.kind) \($0.key[0])" }
        return (told + ["to \(progress.reached) of \(progress.completeAt)"])
            .joined(separator: ", ")
    }

    @Test func aBootstrapIsCompleteWhereTheNodeItBeganAtWas() throws {
        let pair = try Pair([[Self.patch(1, 40)]])
        var position = FeedPosition.start(tail: Offset(5))
        // Record 1 is at offset 5 by now, behind the others.
        #expect(try read(pair.ahead, &position, limitBytes: 1) == "created 2, to 2 of 5")
        var moved = FeedPosition.after(Offset(2), notBefore: Offset(5))
        #expect(try read(pair.behind, &moved) == "created 3, created 4, to 4 of 5")
        #expect(try read(pair.behind, &moved) == "to 4 of 5")
        for entry in pair.missing { _ = try pair.behind.apply(entry) }
        #expect(try read(pair.behind, &moved) == "updated 1, to 5 of 5")
    }

    /// The reader holds record 1 as the filter wants it; it left the filter before the last change
    /// that the second node hears of, and has not come back.
    @Test func whatLeftTheFilterWhileAReaderMovedIsToldToHaveLeft() throws {
        let pair = try Pair([[Self.patch(1, 5), Self.patch(2, 60)], [Self.patch(1, 7)]])
        _ = try pair.behind.apply(pair.missing[0])
        var position = FeedPosition.after(Offset(4))
        // Record 1 has changed twice, to offsets 5 and 7: here it is told at 7.
        #expect(
            try read(pair.ahead, &position, filter: "health > 20", limitBytes: 1)
                == "updated 2, to 6 of 7")
        var moved = FeedPosition.after(Offset(6), notBefore: Offset(7))
        #expect(try read(pair.behind, &moved, filter: "health > 20") == "to 6 of 7")
        _ = try pair.behind.apply(pair.missing[1])
        #expect(try read(pair.behind, &moved, filter: "health > 20") == "left 1, to 7 of 7")
    }

    @Test func aReaderOfEachChangeHoldsAStateAtEveryOffset() throws {
        let partition = Partition(seed: 3)
        _ = try partition.apply(
            createEntry(
                Self.id,
                TopicDefinition(
                    name: "values", keyKind: .u64, schema: nil,
                    options: TopicOptions(writes: .every, history: .forever))))
        try partition.merge(
            Self.id, (1...3).map { NaiveWrite(key: Self.key($0), body: .assert([$0])) })
        _ = try partition.apply(try #require(partition.seal(Self.id)?.entry))
        var position = FeedPosition.tail(Offset(1), notBefore: Offset(9))
        var writer = ChangesWriter()
        writer.begin(Self.id)
        let query = FeedQuery(tellsEvery: true)
        let first = try partition.encodeChanges(
            Self.id, at: &position, query: query, limitBytes: 1, into: &writer)
        #expect(first.reached == Offset(2) && first.completeAt == Offset(9))
        let second = try partition.encodeChanges(
            Self.id, at: &position, query: query, limitBytes: 1, into: &writer)
        // It has all there is, and wants to hear of more before it is caught up.
        #expect(second.reached == Offset(3) && second.isAtTail && !second.isComplete)
        position = .tail(Offset(1))
        let third = try partition.encodeChanges(
            Self.id, at: &position, query: query, limitBytes: 1, into: &writer)
        #expect(third.reached == third.completeAt && !third.isAtTail && !third.isComplete)
    }

    /// 16 lives of 4,000 steps each, and more where something that is rare has not come by then.
    @Test(arguments: RandomRuns.seeds)
    func aReaderThatIsCompleteHoldsTheTableOfTheNodeItIsAt(seed: UInt64) throws {
        let run = try MovingReaders(seed: seed)
        let wanted = ["complete", "cut off, and on at a node behind", "at a tail", "exact"]
        for steps in stride(from: 4_000, through: 40_000, by: 4_000) {
            try run.run(steps: steps)
            if wanted.allSatisfy({ run.counts[$0] ?? 0 > 0 }) { break }
        }
        for what in wanted {
            #expect(run.counts[what] ?? 0 > 0, "seed \(seed): \(what)")
        }
    }
}
