import Testing
import ThalwegCluster
import ThalwegLog

/// The checker is checked: by histories that are known to be good or bad, and by histories of a
/// register that is right, and of one that is not.
@Suite struct LinearizabilityTests {
    private static func read(
        _ value: UInt64?, _ called: UInt64, _ answered: UInt64?
    )
        -> RecordOperation
    {
        RecordOperation(.read(value), calledAt: called, answeredAt: answered)
    }

    private static func write(
        _ value: UInt64, _ called: UInt64, _ answered: UInt64?
    )
        -> RecordOperation
    {
        RecordOperation(.write(value), calledAt: called, answeredAt: answered)
    }

    private static func swap(
        _ expected: UInt64?, _ value: UInt64, _ wasTaken: Bool, _ called: UInt64,
        _ answered: UInt64?
    ) -> RecordOperation {
        RecordOperation(
            .writeIf(expected: expected, value: value, wasTaken: wasTaken), calledAt: called,
            answeredAt: answered)
    }

    @Test func goodHistoriesAreGood() {
        #expect(Linearizability.check([]))
        #expect(Linearizability.check([Self.read(nil, 1, 2), Self.write(1, 3, 4)]))
        // Two at once: either order.
        #expect(
            Linearizability.check([
                Self.write(1, 1, 10), Self.write(2, 1, 10), Self.read(1, 11, 12),
            ]))
        // A read during a write sees the old or the new.
        for seen in [nil, 1] as [UInt64?] {
            #expect(Linearizability.check([Self.write(1, 1, 10), Self.read(seen, 2, 3)]))
        }
        // A write that was never answered may come late, or never.
        #expect(
            Linearizability.check([
                Self.write(1, 1, nil), Self.read(nil, 2, 3), Self.read(1, 4, 5),
            ]))
        #expect(Linearizability.check([Self.write(1, 1, nil), Self.read(nil, 2, 3)]))
        #expect(
            Linearizability.check([
                Self.swap(nil, 1, true, 1, 5), Self.swap(nil, 2, false, 2, 6),
                Self.read(1, 7, 8),
            ]))
    }

    @Test func badHistoriesAreBad() {
        // An answered write that is not seen.
        #expect(!Linearizability.check([Self.write(1, 1, 2), Self.read(nil, 3, 4)]))
        // A value from nowhere.
        #expect(!Linearizability.check([Self.read(7, 1, 2)]))
        // Readers go back: new, then old.
        #expect(
            !Linearizability.check([
                Self.write(1, 1, 2), Self.write(2, 3, 20), Self.read(2, 4, 5),
                Self.read(1, 6, 7),
            ]))
        // Two conditional writes on the same state are both told that they won.
        #expect(
            !Linearizability.check([
                Self.swap(nil, 1, true, 1, 5), Self.swap(nil, 2, true, 1, 5),
            ]))
        // One that lost although nobody else had written.
        #expect(!Linearizability.check([Self.swap(nil, 1, false, 1, 2)]))
        // A write that nobody answered is seen, and later unseen.
        #expect(
            !Linearizability.check([
                Self.write(1, 1, nil), Self.read(1, 2, 3), Self.read(nil, 4, 5),
            ]))
    }

    /// Concurrent operations on a register, each with its effect at a random moment between call
    /// and answer; the checker says yes. One answer changed to what it cannot be: it says no.
    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func randomHistoriesOfARegister(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var value: UInt64?
        var history: [RecordOperation] = []
        var freeAt = [UInt64](repeating: 0, count: 5)
        // Effects come in the order of their moments.
        for effect in 1...120 as ClosedRange<UInt64> {
            let moment = effect * 10
            guard
                let client = freeAt.indices.shuffled(using: &random).first(where: {
                    freeAt[$0] < moment
                })
            else { continue }
            let called = UInt64.random(in: freeAt[client]...moment, using: &random)
            let answered = moment + UInt64.random(in: 1...40, using: &random)
            freeAt[client] = answered + 1
            let isLost = Int.random(in: 0..<12, using: &random) == 0
            let fresh = effect
            let kind: RecordOperation.Kind
            switch Int.random(in: 0..<3, using: &random) {
            case 0: kind = .read(value)
            case 1:
                kind = .write(fresh)
                value = fresh
            default:
                let expected = Bool.random(using: &random) ? value : 9_999
                kind = .writeIf(expected: expected, value: fresh, wasTaken: expected == value)
                if expected == value { value = fresh }
            }
            history.append(
                RecordOperation(kind, calledAt: called, answeredAt: isLost ? nil : answered))
            if isLost { freeAt[client] = .max }
        }
        history.append(RecordOperation(.read(value), calledAt: 100_000, answeredAt: 100_001))
        #expect(Linearizability.check(history), "seed \(seed)")
        let spoiled = history.dropLast() + [Self.read(12_345_678, 100_000, 100_001)]
        #expect(!Linearizability.check(Array(spoiled)), "seed \(seed)")
    }
}
