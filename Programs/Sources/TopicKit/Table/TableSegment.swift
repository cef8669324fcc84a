/// A small open-addressing table: one part of a ``Table``, which owns it and frees it.
///
/// Slots are found by linear probing from the hash's low bits. At most three quarters are used, so
/// a probe ends. Removal moves later entries back, so there are no tombstones.
struct TableSegment<Key: TableKey, Value> {
    private struct Header {
        var capacity: Int
        var count = 0
        var depth: Int
        var hashes: UnsafeMutablePointer<UInt64>
        var entries: UnsafeMutablePointer<(key: Key, value: Value)>
    }

    // Safe: `hashes` and `entries` have `capacity` places, a power of two; a place of `entries` is
    // initialised exactly where its hash is not 0. No object, because counting references would be
    // half of a look-up.
    private let header: UnsafeMutablePointer<Header>

    init(capacity: Int, depth: Int) {
        let hashes = UnsafeMutablePointer<UInt64>.allocate(capacity: capacity)
        hashes.initialize(repeating: 0, count: capacity)
        header = .allocate(capacity: 1)
        header.initialize(
            to: Header(
                capacity: capacity, depth: depth, hashes: hashes,
                entries: .allocate(capacity: capacity)))
    }

    func deallocate() {
        for slot in 0..<capacity where hashes[slot] != 0 {
            (entries + slot).deinitialize(count: 1)
        }
        entries.deallocate()
        hashes.deallocate()
        header.deallocate()
    }

    func copy() -> TableSegment {
        let copy = TableSegment(capacity: capacity, depth: depth)
        for slot in 0..<capacity where hashes[slot] != 0 {
            copy.hashes[slot] = hashes[slot]
            (copy.entries + slot).initialize(to: entries[slot])
        }
        copy.header.pointee.count = count
        return copy
    }

    var capacity: Int { header.pointee.capacity }
    var count: Int { header.pointee.count }
    /// How many of the hash's high bits all keys here have in common.
    var depth: Int { header.pointee.depth }
    var isFull: Bool { count >= capacity &- capacity / 4 }

    private var hashes: UnsafeMutablePointer<UInt64> { header.pointee.hashes }
    private var entries: UnsafeMutablePointer<(key: Key, value: Value)> { header.pointee.entries }

    /// The slot of `key`, or the free one where it would be. `hash` is not 0.
    @inline(__always) func find(_ key: Key, _ hash: UInt64) -> (slot: Int, isUsed: Bool) {
        let hashes = hashes
        let last = capacity &- 1
        var slot = Int(truncatingIfNeeded: hash) & last
        while true {
            let other = hashes[slot]
            if other == 0 { return (slot, false) }
            if other == hash, entries[slot].key == key { return (slot, true) }
            slot = (slot &+ 1) & last
        }
    }

    @inline(__always) func value(at slot: Int) -> Value { entries[slot].value }

    @inline(__always) func setValue(_ value: Value, at slot: Int) { entries[slot].value = value }

    /// Fills a slot that `find` found free.
    func insert(_ key: Key, _ value: Value, _ hash: UInt64, at slot: Int) {
        hashes[slot] = hash
        (entries + slot).initialize(to: (key, value))
        header.pointee.count &+= 1
    }

    func remove(at slot: Int) -> Value {
        let removed = (entries + slot).move().value
        header.pointee.count &-= 1
        var hole = slot
        var next = (slot &+ 1) & (capacity &- 1)
        while hashes[next] != 0 {
            let home = Int(truncatingIfNeeded: hashes[next]) & (capacity &- 1)
            // The entry may move to the hole unless its home lies behind the hole.
            if (next &- home) & (capacity &- 1) >= (next &- hole) & (capacity &- 1) {
                hashes[hole] = hashes[next]
                (entries + hole).moveInitialize(from: entries + next, count: 1)
                hole = next
            }
            next = (next &+ 1) & (capacity &- 1)
        }
        hashes[hole] = 0
        return removed
    }

    /// Shares the entries out to two segments of the same capacity, by the next bit of their hashes;
    /// frees this one.
    func split() -> (low: TableSegment, high: TableSegment) {
        let low = TableSegment(capacity: capacity, depth: depth &+ 1)
        let high = TableSegment(capacity: capacity, depth: depth &+ 1)
        let shift = UInt64(truncatingIfNeeded: 63 &- depth)
        for slot in 0..<capacity where hashes[slot] != 0 {
            (hashes[slot] >> shift & 1 == 0 ? low : high).take(slot, of: self)
        }
        deallocate()
        return (low, high)
    }

    /// Doubles the room: for a small table, and for keys that somebody chose to collide, which
    /// splitting would not tell apart.
    func grow() {
        let larger = TableSegment(capacity: capacity * 2, depth: depth)
        for slot in 0..<capacity where hashes[slot] != 0 { larger.take(slot, of: self) }
        let emptied = header.pointee
        header.pointee = larger.header.pointee
        larger.header.pointee = emptied
        larger.deallocate()
    }

    /// Moves one entry here from another segment.
    private func take(_ slot: Int, of other: TableSegment) {
        let hash = other.hashes[slot]
        let entry = (other.entries + slot).move()
        other.hashes[slot] = 0
        insert(entry.key, entry.value, hash, at: find(entry.key, hash).slot)
    }

    func visit(_ body: (Key, Value) -> Void) {
        for slot in 0..<capacity where hashes[slot] != 0 {
            body(entries[slot].key, entries[slot].value)
        }
    }
}
