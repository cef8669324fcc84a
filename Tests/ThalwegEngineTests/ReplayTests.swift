import Testing
import ThalwegModel

@testable import ThalwegEngine

@Suite struct ReplayTests {
    /// Changes are looked up together before they are applied: one of a batch may move the record
    /// that a later one looked up.
    @Test func aRecordThatMovesWithinABatchIsFoundAgain() throws {
        let topic = TopicID(1)
        let partition = Partition(seed: 1)
        _ = try partition.apply(
            createEntry(topic, TopicDefinition(name: "values", keyKind: .u64, schema: nil)))
        let key = try Key.u64(7).encoded()
        let other = try Key.u64(8).encoded()
        // The second row needs a larger chunk, the third takes the one that it left.
        let rows: [(key: [UInt8], count: Int)] = [
            (key, 10), (key, 500), (other, 10), (key, 900), (other, 500), (key, 10),
        ]
        _ = try partition.apply(entry(topic, rows.prefix(1)))
        _ = try partition.apply(entry(topic, rows.dropFirst()))
        let state = try partition.required(topic).state.table.changes.last
        #expect(state == UInt64(rows.count))
        for (key, count, version) in [(key, 10, 4), (other, 500, 2)] as [([UInt8], Int, UInt64)] {
            try key.withUnsafeBytes { bytes in
                try partition.get(topic, key: bytes) { record in
                    #expect(record?.row.count == count)
                    #expect(record?.version == RecordVersion(version))
                }
            }
        }
        partition.box(topic)?.state.table.index.checkInvariants()
        #expect(partition.box(topic)?.state.table.index.count == 2)
    }

    private func entry(
        _ topic: TopicID, _ rows: some Collection<(key: [UInt8], count: Int)>
    ) -> [UInt8] {
        EntryHeader(kind: .window, topic: topic, time: Timestamp(microseconds: 1)).entry { writer in
            writer.integer(UInt32(rows.count))
            for (key, count) in rows {
                writer.integer(WindowOperation.upsert)
                writer.raw(key)
                writer.integer(UInt16(1))
                writer.integer(UInt16(3))
                writer.byteArray([UInt8](repeating: 5, count: count))
            }
        }
    }

    /// Against a sorted array, with takes between inserts and offsets from few or many ranges.
    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func waitingRecordsComeInOrderOfOffset(seed: UInt64) {
        var random = RandomSource(seed: seed)
        let last = [50, 5_000, 1_000_000, 1 << 47][Int(seed - 1)]
        var waiting = WaitingRecords(last: UInt64(last))
        var twin: [UInt64: UInt32] = [:]
        var taken: UInt64 = 0
        for _ in 0..<200 {
            let upTo = taken + UInt64(random.below(last / 100 + 1))
            while let item = waiting.next(below: upTo) {
                #expect(item.offset > taken && item.offset < upTo, "seed \(seed)")
                #expect(twin.removeValue(forKey: item.offset) == item.slot, "seed \(seed)")
                taken = item.offset
            }
            #expect(twin.keys.allSatisfy { $0 >= upTo }, "seed \(seed)")
            taken = max(taken, upTo == 0 ? 0 : upTo - 1)
            for _ in 0..<random.below(30) {
                let offset = taken + 1 + UInt64(random.below(last))
                guard twin[offset] == nil else { continue }
                let slot = UInt32(random.below(1 << 30))
                twin[offset] = slot
                waiting.insert(.init(offset: offset, deletedAt: nil, slot: slot))
            }
        }
        var rest: [UInt64] = []
        while let item = waiting.next(below: .max) { rest.append(item.offset) }
        #expect(rest == twin.keys.sorted(), "seed \(seed)")
    }
}
