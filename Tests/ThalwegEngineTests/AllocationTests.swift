import CAllocationCounter
import Testing
import ThalwegModel
import ThalwegWire

@testable import ThalwegEngine

/// The hot path of a steady load allocates nothing for a write: what a batch and a window allocate
/// does not depend on how many writes they have.
@Suite(.enabled(if: thalweg_counts_allocations() == 1, "the allocator cannot be counted here"))
struct AllocationTests {
    private static let keys = 500

    /// A topic and the batches that a steady load sends it.
    private struct Load {
        let partition = Partition(seed: 1)
        let topic = TopicID(1)
        var turn: UInt8 = 0

        init() throws {
            _ = try partition.apply(
                createEntry(topic, TopicDefinition(name: "values", keyKind: .u64, schema: nil)))
        }

        /// `count` asserts, each of another row than the one before it.
        mutating func batch(_ count: Int) throws -> [UInt8] {
            var batch: [UInt8] = []
            for number in 0..<count {
                turn &+= 1
                let write = NaiveWrite(
                    key: try Key.u64(UInt64(number % AllocationTests.keys)).encoded(),
                    body: .assert([UInt8](repeating: turn, count: 80)))
                batch += try write.packed(nil)
            }
            return batch
        }

        func merge(_ batch: [UInt8], _ count: Int) throws {
            let header = WriteBatchHeader(
                topic: topic, acknowledgement: .none, count: UInt32(count))
            let outcome = try batch.withUnsafeBytes {
                try partition.merge(
                    $0, header: header, source: SourceID(1), session: UniqueID(high: 0, low: 0),
                    time: Timestamp(microseconds: 1), token: nil)
            }
            #expect(outcome.invalid == 0 && Int(outcome.accepted + outcome.unchanged) == count)
        }

        /// Seals, applies and gives the entry back, as a server does.
        func commit() throws {
            let sealed = partition.seal(topic, time: Timestamp(microseconds: 1))
            let entry = try #require(sealed?.entry)
            _ = try entry.withUnsafeBytes { try partition.apply($0) }
            partition.recycle(topic, entry: entry)
        }
    }

    /// Calls of malloc of this thread while `body` runs.
    private func allocations(_ body: () throws -> Void) rethrows -> Int {
        let before = thalweg_allocations()
        try body()
        return Int(thalweg_allocations() - before)
    }

    @Test func theCounterCounts() {
        var made: [[UInt8]] = []
        let counted = allocations {
            for size in 100..<110 { made.append([UInt8](repeating: 1, count: size)) }
        }
        #expect(made.count == 10)
        #expect(counted >= 10)
    }

    @Test func aSteadyLoadAllocatesNothingForAWrite() throws {
        var load = try Load()
        let sizes = [10, 4_000]
        // Two of each size, with other rows: in turn they always change something.
        var batches: [Int: [[UInt8]]] = [:]
        for size in sizes { batches[size] = [try load.batch(size), try load.batch(size)] }
        var counts: [Int: (merge: Int, commit: Int)] = [:]
        // The memory of windows, table and entries grows to what the load needs; the last rounds
        // count.
        for round in 0..<3 * Int(TopicState.ring) {
            for size in sizes {
                let batch = try #require(batches[size]?[round % 2])
                counts[size] = (
                    try allocations { try load.merge(batch, size) },
                    try allocations { try load.commit() }
                )
            }
        }
        let few = try #require(counts[10])
        let many = try #require(counts[4_000])
        #expect(many.merge <= few.merge, "a batch of 10 writes: \(few), of 4,000: \(many)")
        #expect(many.commit <= few.commit, "a window of 10 records: \(few), of 500: \(many)")
        // Measured: two for a batch and one for its window, in a debug build.
        #expect(few.merge <= 4 && few.commit <= 4, "\(few)")
    }
}
