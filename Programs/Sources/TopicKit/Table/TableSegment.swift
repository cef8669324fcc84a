/// A small open-addressing table: one part of a ``Table``.
///
/// Slots are found by linear probing from the hash's low bits. At most three quarters are used, so
/// a probe ends. Removal moves later entries back, so there are no tombstones.
final class TableSegment<Key: TableKey, Value> {
    // Safe: `hashes` and `entries` have `capacity` places; a place of `entries` is initialised
    // exactly where its hash is not 0.
    private(set) var capacity: Int
    private(set) var count = 0
    /// How many of the hash's high bits all keys here have in common.
    var depth: Int
    private var hashes: UnsafeMutablePointer<UInt64>
    private var entries: UnsafeMutablePointer<(key: Key, value: Value)>

    init(capacity: Int, depth: Int) {
        self.capacity = capacity
        self.depth = depth
        hashes = .allocate(capacity: capacity)
        hashes.initialize(repeating: 0, count: capacity)
        entries = .allocate(capacity: capacity)
    }

    deinit {
        for slot in 0..<capacity where hashes[slot] != 0 {
            (entries + slot).deinitialize(count: 1)
        }
        entries.deallocate()
        hashes.deallocate()
    }

    func copy() -> TableSegment {
        let copy = TableSegment(capacity: capacity, depth: depth)
        for slot in 0..<capacity where hashes[slot] != 0 {
            copy.hashes[slot] = hashes[slot]
            (copy.entries + slot).initialize(to: entries[slot])
        }
        copy.count = count
        return copy
    }

    var isFull: Bool { count >= capacity - capacity / 4 }

    /// The slot of `key`, or the free one where it would be. `hash` is not 0.
    @inline(__always) func find(_ key: Key, _ hash: UInt64) -> (slot: Int, isUsed: Bool) {
        var slot = Int(truncatingIfNeeded: hash) & (capacity &- 1)
        while true {
            let other = hashes[slot]
            if other == 0 { return (slot, false) }
            if other == hash, entries[slot].key == key { return (slot, true) }
            slot = (slot &+ 1) & (capacity &- 1)
        }
    }

    @inline(__always) func value(at slot: Int) -> Value { entries[slot].value }

    @inline(__always) func setValue(_ value: Value, at slot: Int) { entries[slot].value = value }

    /// Fills a slot that `find` found free.
    func insert(_ key: Key, _ value: Value, _ hash: UInt64, at slot: Int) {
        hashes[slot] = hash
        (entries + slot).initialize(to: (key, value))
        count &+= 1
    }

    func remove(at slot: Int) -> Value {
        let removed = (entries + slot).move().value
        count &-= 1
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

    /// Moves every entry to the segment that `target` names for its hash, and is empty then.
    func drain(into target: (UInt64) -> TableSegment) {
        for slot in 0..<capacity where hashes[slot] != 0 {
            let entry = (entries + slot).move()
            let segment = target(hashes[slot])
            let place = segment.find(entry.key, hashes[slot])
            segment.insert(entry.key, entry.value, hashes[slot], at: place.slot)
            hashes[slot] = 0
        }
        count = 0
    }

    /// Makes room where splitting would not: for keys that somebody chose to collide.
    func grow() {
        let larger = TableSegment(capacity: capacity * 2, depth: depth)
        drain { _ in larger }
        swap(&hashes, &larger.hashes)
        swap(&entries, &larger.entries)
        swap(&capacity, &larger.capacity)
        swap(&count, &larger.count)
    }

    func forEach(_ body: (Key, Value) -> Void) {
        for slot in 0..<capacity where hashes[slot] != 0 {
            body(entries[slot].key, entries[slot].value)
        }
    }
}
