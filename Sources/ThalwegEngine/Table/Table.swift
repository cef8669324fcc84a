// The table: the committed state of one topic, and the numbering of its changes.
//
//   key ──hash──► KeyIndex ──slot──► Slab: header │ key │ row
//                                      ▲
//   offset ───────► ChangeIndex ──slot─┘
//
// A record is *provisional* from the first write to a new key until that write's window is
// applied or comes to nothing: it is found by its key, so that later writes meet it, but has no
// offset, so no reader does. A deleted record stays as a *tombstone* (key, version, offset) until
// its retention is over.
//
// Nothing here knows of windows, logs or time beyond what an entry brings.
import CThalwegShims
import ThalwegModel

struct Table: ~Copyable {
    var slab = Slab()
    var index = KeyIndex()
    var changes = ChangeIndex()
    var sources = SourceSets()
    let hash: KeyHash
    let shape: RecordShape

    private(set) var liveRecords = 0
    private(set) var tombstones = TombstoneQueue()
    /// Changes up to here may be missing their deletions: tombstones were purged.
    private(set) var horizon: UInt64 = 0

    /// The version below those of new records: above all that were before a truncation.
    private(set) var versionFloor: UInt64 = 0

    init(keyKind: KeyKind, tracksAssertion: Bool, seed: UInt64) {
        self.init(
            keyKind: keyKind, tracksAssertion: tracksAssertion, hash: KeyHash(seed: seed))
    }

    init(keyKind: KeyKind, tracksAssertion: Bool, hash: KeyHash) {
        shape = RecordShape(keyKind: keyKind, tracksAssertion: tracksAssertion)
        self.hash = hash
    }

    /// Takes the place of a table whose records are gone. No record of it had a version above its
    /// newest offset, so that is where versions go on.
    mutating func goOn(behind old: borrowing Table) {
        changes.advance(to: old.changes.last + 1)
        horizon = changes.last
        versionFloor = changes.last
    }

    /// Bytes of memory that the topic's state takes.
    var bytes: Int { slab.bytesUsed + index.bytes + changes.bytes + tombstones.bytes }

    @inline(__always) func record(_ slot: UInt32) -> Record {
        Record(slab.address(slot))
    }

    /// Calls `body` with every entry of the change index after `offset`, see ``ChangeIndex``.
    @inline(__always) func walk(after offset: UInt64, _ body: (UInt64, UInt32) -> Bool) {
        changes.walk(
            after: offset,
            ahead: { slot in
                let address = slab.address(slot)
                thalweg_prefetch(address)
                thalweg_prefetch(address + 64)
            }, body)
    }

    /// The slot behind the chunk of `slot`, which is one as well until the slab's end is reached.
    @inline(__always) func slot(behind slot: UInt32) -> UInt32 {
        let record = record(slot)
        let granules =
            record.isTaken
            ? SizeClass.granules(SizeClass.index(bytes: shape.size(record)))
            : slab.freeGranules(slot)
        return slot + UInt32(granules)
    }

    // MARK: Finding

    @inline(__always) func find(_ key: UnsafeRawBufferPointer, hash: UInt64) -> UInt32 {
        index.find(hash) { slot in hasKey(slot, key) }
    }

    /// The record in `slot` has this key.
    @inline(__always) func hasKey(_ slot: UInt32, _ key: UnsafeRawBufferPointer) -> Bool {
        shape.key(record(slot)).hasSameBytes(as: key)
    }

    /// As above, of a key by its parts: eight bytes, in most topics, are one comparison.
    @inline(__always) func hasKey(
        _ slot: UInt32, _ start: UnsafeRawPointer, _ count: UInt32
    ) -> Bool {
        if shape.fixedKeySize == 8 {
            // Safe: record and key have the eight bytes.
            return (record(slot).address + shape.keyOffset).loadUnaligned(as: UInt64.self)
                == start.loadUnaligned(as: UInt64.self)
        }
        return hasKey(slot, UnsafeRawBufferPointer(start: start, count: Int(count)))
    }

    /// Copies a row: mostly a few dozen bytes, for which a call of `memcpy` is the larger part.
    @inline(__always) static func copy(
        _ source: UnsafeRawBufferPointer, to target: UnsafeMutableRawPointer
    ) {
        guard let start = source.baseAddress else { return }
        guard source.count >= 16, source.count <= 256 else {
            target.copyMemory(from: start, byteCount: source.count)
            return
        }
        // Safe: sixteen bytes at a time, the last sixteen overlapping; both runs have them.
        var position = 0
        let last = source.count &- 16
        while position < last {
            target.storeBytes(
                of: start.loadUnaligned(fromByteOffset: position, as: SIMD16<UInt8>.self),
                toByteOffset: position, as: SIMD16<UInt8>.self)
            position &+= 16
        }
        target.storeBytes(
            of: start.loadUnaligned(fromByteOffset: last, as: SIMD16<UInt8>.self),
            toByteOffset: last, as: SIMD16<UInt8>.self)
    }

    // MARK: Provisional records

    /// Makes a record that only the window knows of, with room for the row that it will likely
    /// have: applying the window then need not move it.
    mutating func insertProvisional(
        _ key: UnsafeRawBufferPointer, hash: UInt64, room: Int = 0
    ) -> UInt32 {
        let room = room < Int(Record.longRow) ? room : 0
        let slot = slab.allocate(bytes: shape.size(key: key.count, row: room))
        let record = record(slot)
        record.setChange(0, state: RecordState.provisional)
        record.word1 = UInt64(room) << 48 | versionFloor
        record.word2 = SourceSets.empty
        if shape.keyOffset != Record.headerSize {
            record.address.storeBytes(
                of: 0, toByteOffset: Record.headerSize, as: UInt32.self)
        }
        // Safe: the chunk has room for header and key; keys have at least one byte.
        (record.address + shape.keyOffset).copyMemory(
            from: key.baseAddress.unsafelyUnwrapped, byteCount: key.count)
        index.insert(hash, slot: slot)
        return slot
    }

    mutating func removeProvisional(_ slot: UInt32) {
        let record = record(slot)
        precondition(record.state == RecordState.provisional, "only a provisional record is undone")
        index.remove(hash.hash(shape.key(record)), slot: slot)
        slab.release(slot, bytes: shape.size(record))
    }

    // MARK: Applying

    /// Creates or updates the record in `slot`; gives the slot it has now. Of a record that
    /// windows hold the sources are not here: who applies the window notes them.
    @inline(__always) mutating func upsert(
        _ slot: UInt32, row: UnsafeRawBufferPointer, sources word: UInt64
    ) -> UInt32 {
        let old = record(slot)
        let previous = old.lastChange
        if !old.isLive { liveRecords += 1 }
        let version = old.version + 1
        let slot = resize(slot, row: row.count)
        let record = record(slot)
        shape.setRow(record, version: version, row: row)
        if record.pending == 0 { record.word2 = word }
        let offset = changes.append(slot: slot, previous: previous)
        record.setChange(offset, state: RecordState.live)
        return slot
    }

    /// Turns the record in `slot` into a tombstone; gives the slot it has now. Sources as in
    /// `upsert`.
    mutating func delete(_ slot: UInt32, reason: UInt8, time: Int64) -> UInt32 {
        let old = record(slot)
        precondition(old.isLive, "only a live record is deleted")
        let previous = old.lastChange
        let version = old.version + 1
        let slot = resize(slot, row: 0)
        let record = record(slot)
        record.word1 = version
        if record.pending == 0 { record.word2 = SourceSets.empty }
        let offset = changes.append(slot: slot, previous: previous)
        record.setChange(offset, state: RecordState.tombstone, reason: reason)
        liveRecords -= 1
        tombstones.append(offset: offset, time: time)
        return slot
    }

    /// The slot of the oldest tombstone if it was made before `time` and below an offset, else 0. The
    /// caller purges it.
    mutating func expiredTombstone(before time: Int64, below end: UInt64) -> UInt32 {
        while let offset = tombstones.first(before: time), offset < end {
            if let slot = changes.slot(at: offset) {
                let record = record(slot)
                if record.isLast(offset), record.state == RecordState.tombstone { return slot }
            }
            // The record has lived again since.
            tombstones.removeFirst()
        }
        return 0
    }

    /// Forgets the tombstone that `expiredTombstone` gave.
    mutating func purgeTombstone(_ slot: UInt32) {
        let record = record(slot)
        let offset = record.lastChange
        tombstones.removeFirst()
        horizon = max(horizon, offset)
        changes.retire(offset)
        if record.pending != 0 {
            // A pending write holds the record: it is new from here on.
            record.setChange(0, state: RecordState.provisional)
            record.word1 = versionFloor
        } else {
            index.remove(hash.hash(shape.key(record)), slot: slot)
            slab.release(slot, bytes: shape.size(record))
        }
    }

    /// Puts the record into a chunk that fits a row of `count` bytes.
    @inline(__always) private mutating func resize(_ slot: UInt32, row count: Int) -> UInt32 {
        let record = record(slot)
        let keySize = shape.keySize(record)
        let oldBytes = shape.keyOffset + keySize + rowSpace(record)
        let newBytes = shape.size(key: keySize, row: count)
        if SizeClass.index(bytes: oldBytes) == SizeClass.index(bytes: newBytes) { return slot }
        return move(slot, keySize: keySize, from: oldBytes, to: newBytes)
    }

    @inline(__always) private func rowSpace(_ record: Record) -> Int {
        let short = record.word1 >> 48
        return short != Record.longRow ? Int(short) : shape.row(record).count + 4
    }

    @inline(never) private mutating func move(
        _ slot: UInt32, keySize: Int, from oldBytes: Int, to newBytes: Int
    ) -> UInt32 {
        let newSlot = slab.allocate(bytes: newBytes)
        // Safe: both chunks have room for header and key; the slab may have moved, so both
        // addresses are fetched here.
        slab.address(newSlot).copyMemory(
            from: slab.address(slot), byteCount: shape.keyOffset + keySize)
        index.replace(hash.hash(shape.key(record(newSlot))), slot: slot, with: newSlot)
        slab.release(slot, bytes: oldBytes)
        return newSlot
    }

    // MARK: Restoring

    /// Puts back a record from a snapshot with its last change. Of that nothing else knows until all
    /// are back (`number`).
    @inline(__always) mutating func restore(
        key: UnsafeRawBufferPointer, hash: UInt64, row: UnsafeRawBufferPointer, version: UInt64,
        sources members: UnsafeRawBufferPointer, offset: UInt64, state: UInt64, reason: UInt8
    ) {
        let slot = slab.allocate(bytes: shape.size(key: key.count, row: row.count))
        let record = record(slot)
        record.setChange(offset, state: state, reason: reason)
        record.word1 = version
        if shape.keyOffset != Record.headerSize {
            record.address.storeBytes(
                of: 0, toByteOffset: Record.headerSize, as: UInt32.self)
        }
        (record.address + shape.keyOffset).copyMemory(
            from: key.baseAddress.unsafelyUnwrapped, byteCount: key.count)
        shape.setRow(record, version: version, row: row)
        record.word2 = sources.word(members)
        index.insert(hash, slot: slot)
    }

    /// Enters all that was restored into the change index, and into the counts.
    ///
    /// - Parameter deletions: offset and time of each tombstone, ascending.
    /// - Returns: `false` where two records have the same offset, or one has none.
    mutating func number(deletions: [(offset: UInt64, time: Int64)]) -> Bool {
        precondition(changes.last == 0, "a table is numbered once")
        var order = OffsetOrder(count: index.count)
        var slot = Slab.first
        while slot < slab.end {
            order.append(record(slot).lastChange, slot: slot)
            slot = self.slot(behind: slot)
        }
        let isWhole = order.walk { offset, slot in
            guard offset > changes.last else { return false }
            changes.restore(offset, slot: slot)
            return true
        }
        for deletion in deletions {
            tombstones.append(offset: deletion.offset, time: deletion.time)
        }
        liveRecords = changes.live - deletions.count
        return isWhole
    }

    mutating func restoreCounters(last: UInt64, horizon: UInt64, versionFloor: UInt64) {
        changes.advance(to: last)
        self.horizon = horizon
        self.versionFloor = versionFloor
    }

    // MARK: Housekeeping

    /// A bounded piece of upkeep, after an entry: the change index stays small.
    mutating func tidy() {
        let base = slab.base
        changes.tidy(segments: 8) { slot, offset in
            Record(base + Int(slot) << 3).isLast(offset)
        }
    }
}
