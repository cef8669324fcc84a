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

    /// Against a sorted array: offsets close together, far apart, and most of them together beside a
    /// few far ones.
    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func recordsComeInOrderOfOffset(seed: UInt64) {
        var random = RandomSource(seed: seed)
        for spread in [3, 5_000, 1 << 47] {
            var offsets: Set<UInt64> = []
            let start = UInt64(random.below(1 << 40))
            for _ in 0..<random.below(3_000) {
                offsets.insert(start + UInt64(random.below(spread)))
            }
            for _ in 0..<random.below(4) { offsets.insert(UInt64(random.below(1 << 47))) }
            var order = OffsetOrder(count: offsets.count)
            for offset in offsets { order.append(offset, slot: UInt32(truncatingIfNeeded: offset)) }
            var given: [UInt64] = []
            let isThrough = order.walk { offset, slot in
                #expect(slot == UInt32(truncatingIfNeeded: offset), "seed \(seed)")
                given.append(offset)
                return true
            }
            #expect(isThrough && given == offsets.sorted(), "seed \(seed), spread \(spread)")
            guard given.count > 1 else { continue }
            var asked = 0
            let isCutShort = !order.walk { _, _ in
                asked += 1
                return asked < given.count - 1
            }
            #expect(isCutShort && asked == given.count - 1, "seed \(seed)")
        }
    }
}
