import ThalwegModel
import ThalwegWire

/// Writes of an entry on their way through its topic's program, of as many batches as can go
/// together: calling the program once for many costs little more than for one.
///
/// Invariants
///   1. Batches are in the order of the log; only the last may be open, which is still being staged.
///   2. `outcomes` has a place for each write of each batch, one batch behind the other.
struct StagedWrites {
    /// What may be staged before it is run: the program gets no more in one call.
    static let limitWrites = 4_096
    static let limitBytes = 256 << 10

    struct Write {
        var cursor: WriteCursor
        /// Position in `batches`.
        let batch: Int
        /// Position in `outcomes`.
        let place: Int
    }

    struct Batch {
        let batch: StreamBatch
        /// Position in its entry.
        let number: Int
        /// Of the first write in `outcomes`.
        let firstPlace: Int
        /// How many writes were staged when it was complete.
        var end = Int.max
    }

    private(set) var writes: [Write] = []
    private(set) var batches: [Batch] = []
    var outcomes: [WriteOutcome] = []
    private var bytes = 0

    var isEmpty: Bool { batches.isEmpty }
    var isFull: Bool {
        writes.count >= StagedWrites.limitWrites || bytes >= StagedWrites.limitBytes
    }

    mutating func open(_ batch: StreamBatch, number: Int) {
        batches.append(Batch(batch: batch, number: number, firstPlace: outcomes.count))
        // A write that is not reached stands behind a malformed one and means nothing.
        for _ in 0..<batch.count {
            outcomes.append(WriteOutcome(.invalid, code: .invalidBatch))
        }
    }

    /// Adds a write of the open batch.
    mutating func append(_ cursor: WriteCursor, place: Int) {
        writes.append(Write(cursor: cursor, batch: batches.count - 1, place: place))
        bytes += 64 + cursor.key.count + cursor.body.count
    }

    mutating func close() {
        batches[batches.count - 1].end = writes.count
    }

    /// Everything staged is applied: only an open batch stays.
    mutating func clear() {
        writes.removeAll(keepingCapacity: true)
        bytes = 0
        if let last = batches.last, last.end == .max {
            if batches.count > 1 { batches.removeFirst(batches.count - 1) }
        } else {
            batches.removeAll(keepingCapacity: true)
            outcomes.removeAll(keepingCapacity: true)
        }
    }
}
