import CThalwegShims
import ThalwegModel

/// Changes of an entry that are read together before they are applied one by one, so that the cache
/// lines of one are on their way while another is worked on.
struct ReplayBatch {
    static let limit = 32

    private struct Read {
        var change: NetChange
        var hash: UInt64
        /// The slot that is likely the record's: checked before it is believed, as a change of the
        /// same batch may have moved the record.
        var candidate: UInt32
    }

    private var reads: [Read] = []

    init(capacity: Int) {
        reads.reserveCapacity(capacity)
    }

    var indices: Range<Int> { reads.indices }

    func change(_ position: Int) -> (NetChange, hash: UInt64) {
        (reads[position].change, reads[position].hash)
    }

    /// Reads the next `count` changes and asks for the memory that applying them will touch, one
    /// step of the chain at a time.
    mutating func read(
        _ reader: inout ByteReader, count: Int, _ table: borrowing Table
    ) throws(ThalwegError) {
        reads.removeAll(keepingCapacity: true)
        for _ in 0..<count {
            let change = try NetChange(from: &reader, shape: table.shape)
            let hash = table.hash.hash(change.key)
            let cell = table.index.firstCell(hash)
            thalweg_prefetch(cell)
            thalweg_prefetch(cell + 4)
            reads.append(Read(change: change, hash: hash, candidate: 0))
        }
        for position in reads.indices {
            let slot = table.index.firstCandidate(reads[position].hash)
            reads[position].candidate = slot
            // Slot 0 is memory too: a prefetch there is harmless.
            let address = table.slab.address(slot)
            thalweg_prefetch(address)
            thalweg_prefetch(address + 64)
        }
    }

    /// The slot of the change's record, or 0.
    func find(_ position: Int, _ table: borrowing Table) -> UInt32 {
        let slot = reads[position].candidate
        let key = reads[position].change.key
        if slot != 0, table.record(slot).isTaken, table.hasKey(slot, key) { return slot }
        return table.find(key, hash: reads[position].hash)
    }
}
