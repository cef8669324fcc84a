// The key index: from a key's hash to its record's slot, 8 bytes an entry.
//
//   entry = tag (32 bits of the hash) │ slot (32 bits); 0 is empty
//
// Ordered linear probing (Amble & Knuth 1974): an entry's home is tag × capacity / 2^32, and
// entries are kept in order of tag, so a search ends at the first larger tag and the table can be
// as full as 7/8. The home needs no record, so growing never touches one.
//
// The index is 1 part while it is small and 256 parts (by the tag's first 8 bits) beyond that, each
// growing by itself by a sixth: at 10 million records a growth moves 40,000 entries, not all of
// them, and no write waits for more. They lie together on large pages (`KeyIndexRegion`): when the
// first has outgrown its place, all move to a larger one, one at a time.
//
// Invariants of a part
//   1. Entries of one part are in ascending order of tag from their homes on, without a gap
//      between an entry and its home.
//   2. `count` entries are not empty; `count <= limit`.
//   3. The last cell is always empty, so every scan ends.
//   4. What is read behind a part's last cell is empty or has a larger tag than any of the part: it
//      is the next part's, or was, or is the region's margin.

struct KeyIndex: ~Copyable {
    struct Part {
        var cells: UnsafeMutablePointer<UInt64>
        var capacity: UInt32
        /// Cells behind `capacity`, for runs that begin near the end; part of the allocation.
        var slack: UInt32
        var count: UInt32
        var limit: UInt32
        /// Its place in `regions`: the one that it lives in.
        var region: UInt32
    }

    /// Of ascending capacity; those that every part has left are gone.
    private var regions: [KeyIndexRegion?] = []
    /// The next part to follow into the newest region; `partCount` when all are there.
    private var following = 0
    /// Insertions until it does.
    private var followIn = 0
    private(set) var parts: UnsafeMutablePointer<Part>
    private(set) var partCount: Int
    /// Bits of the tag that choose the part: 0 or 8.
    private var partBits: UInt32
    private(set) var count = 0
    private static let splitAt = 65_536

    init() {
        partCount = 0
        partBits = 0
        parts = .allocate(capacity: 0)
        makeParts(1, capacity: 64)
    }

    deinit {
        for region in regions {
            region?.free()
        }
        parts.deallocate()
    }

    var bytes: Int { regions.reduce(0) { $0 + ($1?.bytes ?? 0) } }

    // Safe (all of this file): a home is below `capacity`, and scans end at the empty last cell.

    @inline(__always) private static func tag(_ hash: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: hash)
    }

    @inline(__always) func part(_ tag: UInt32) -> Int {
        cells.part(tag)
    }

    @inline(__always) func home(_ tag: UInt32, _ part: Part) -> Int {
        cells.home(tag, part)
    }

    /// What finding a cell takes, for loops that keep it in registers. Good until the next
    /// insertion.
    struct Cells {
        let parts: UnsafeMutablePointer<Part>
        let partBits: UInt32

        @inline(__always) func part(_ tag: UInt32) -> Int {
            Int(truncatingIfNeeded: (UInt64(tag) &<< UInt64(partBits)) >> 32)
        }

        @inline(__always) func home(_ tag: UInt32, _ part: Part) -> Int {
            Int(truncatingIfNeeded: (UInt64(tag &<< partBits) &* UInt64(part.capacity)) >> 32)
        }

        /// The cell where a search for `hash` begins: what to prefetch.
        @inline(__always) func first(_ hash: UInt64) -> UnsafePointer<UInt64> {
            let tag = KeyIndex.tag(hash)
            let part = parts + part(tag)
            return UnsafePointer(part.pointee.cells + home(tag, part.pointee))
        }
    }

    @inline(__always) var cells: Cells { Cells(parts: parts, partBits: partBits) }

    @inline(__always) func firstCell(_ hash: UInt64) -> UnsafePointer<UInt64> {
        cells.first(hash)
    }

    /// The first slot whose tag matches: very likely the record. 0 where there is none.
    @inline(__always) func firstCandidate(_ hash: UInt64) -> UInt32 {
        KeyIndex.candidate(hash, from: firstCell(hash))
    }

    /// As `firstCandidate`, from the cell where the search begins.
    @inline(__always) static func candidate(
        _ hash: UInt64, from first: UnsafePointer<UInt64>
    ) -> UInt32 {
        let least = hash << 32
        var cell = first
        // Four cells at a time, without a branch between them that nobody can predict: those with
        // smaller tags are in front, so counting them is finding the place. An empty cell wraps
        // around to more than any entry with this tag.
        // Safe: behind a region's last cell are as many more as one step reads.
        while true {
            let smaller =
                (cell[0] &- 1 < least ? 1 : 0) &+ (cell[1] &- 1 < least ? 1 : 0)
                &+ (cell[2] &- 1 < least ? 1 : 0) &+ (cell[3] &- 1 < least ? 1 : 0)
            cell += smaller
            if smaller < 4 { break }
        }
        let entry = cell.pointee
        return entry != 0 && (entry ^ least) >> 32 == 0 ? UInt32(truncatingIfNeeded: entry) : 0
    }

    /// The slot of the record for which `matches` holds, or 0. Asks only records with equal tags.
    @inline(__always) func find(_ hash: UInt64, matches: (UInt32) -> Bool) -> UInt32 {
        let tag = KeyIndex.tag(hash)
        var cell = firstCell(hash)
        while true {
            let entry = cell.pointee
            let found = UInt32(truncatingIfNeeded: entry >> 32)
            if entry == 0 || found > tag { return 0 }
            if found == tag {
                let slot = UInt32(truncatingIfNeeded: entry)
                if matches(slot) { return slot }
            }
            cell += 1
        }
    }

    /// Adds a slot whose key is not in the index.
    mutating func insert(_ hash: UInt64, slot: UInt32) {
        if count == KeyIndex.splitAt, partCount == 1 { split() }
        let number = part(KeyIndex.tag(hash))
        if parts[number].count == parts[number].limit { grow(number) }
        if following < partCount { follow() }
        let entry = hash << 32 | UInt64(slot)
        while !place(entry, in: number) {
            grow(number)
        }
        count += 1
    }

    /// The record moved.
    mutating func replace(_ hash: UInt64, slot: UInt32, with newSlot: UInt32) {
        let cell = cell(hash, slot: slot)
        cell.pointee = hash << 32 | UInt64(newSlot)
    }

    mutating func remove(_ hash: UInt64, slot: UInt32) {
        let number = part(KeyIndex.tag(hash))
        let part = parts[number]
        var hole = cell(hash, slot: slot)
        // Entries behind the hole that are not at home move one back; invariant 1 is kept.
        while true {
            let next = hole + 1
            let entry = next.pointee
            if entry == 0 { break }
            let first = part.cells + home(UInt32(truncatingIfNeeded: entry >> 32), part)
            if first == next { break }
            hole.pointee = entry
            hole = next
        }
        hole.pointee = 0
        parts[number].count -= 1
        count -= 1
    }

    /// Calls `body` with every slot of part `number` of 256; the parts together are all slots.
    /// While the index is small everything is in part 0.
    func forEach(inPart number: Int, _ body: (UInt32) -> Void) {
        guard number < partCount else { return }
        let part = parts[number]
        for position in 0..<Int(part.capacity + part.slack) where part.cells[position] != 0 {
            body(UInt32(truncatingIfNeeded: part.cells[position]))
        }
    }

    static let partsInAll = 256

    private func cell(_ hash: UInt64, slot: UInt32) -> UnsafeMutablePointer<UInt64> {
        let wanted = hash << 32 | UInt64(slot)
        var cell = UnsafeMutablePointer(mutating: firstCell(hash))
        while cell.pointee != wanted {
            precondition(cell.pointee != 0, "slot \(slot) is not in the key index")
            cell += 1
        }
        return cell
    }

    /// Puts an entry where its tag belongs; `false` where the run would reach the last cell.
    private mutating func place(_ entry: UInt64, in number: Int) -> Bool {
        let part = parts[number]
        let tag = entry >> 32
        var cell = part.cells + home(UInt32(truncatingIfNeeded: tag), part)
        while cell.pointee != 0, cell.pointee >> 32 <= tag {
            cell += 1
        }
        var end = cell
        while end.pointee != 0 {
            end += 1
        }
        if end == part.cells + Int(part.capacity + part.slack) - 1 { return false }
        while end != cell {
            end.pointee = (end - 1).pointee
            end -= 1
        }
        cell.pointee = entry
        parts[number].count += 1
        return true
    }

    private mutating func grow(_ number: Int) {
        grow(number, atLeast: parts[number].capacity + parts[number].capacity / 6)
    }

    /// The first part has moved to a larger region: one by one the others follow, so that the old
    /// one is soon given back, and no insertion moves more than one part.
    @inline(never) private mutating func follow() {
        followIn -= 1
        guard followIn <= 0 else { return }
        if Int(parts[following].region) != regions.count - 1 {
            grow(following, atLeast: parts[following].capacity + 1)
            followIn = Int(parts[following].capacity) / 64
        }
        following += 1
    }

    private mutating func grow(_ number: Int, atLeast capacity: UInt32) {
        let old = parts[number]
        var least = capacity
        while true {
            enter(number, atLeast: least)
            if move(old, to: number) { break }
            leave(parts[number])
            least = parts[number].capacity + parts[number].capacity / 8
        }
        leave(old)
    }

    /// Puts every entry of a part where it belongs; `false` where a run would reach the last cell.
    private mutating func move(_ old: Part, to number: Int) -> Bool {
        for position in 0..<Int(old.capacity + old.slack) where old.cells[position] != 0 {
            guard place(old.cells[position], in: number) else { return false }
        }
        return true
    }

    /// Makes an empty index large enough for `records`, so that filling it moves no entry.
    mutating func reserve(_ records: Int) {
        guard count == 0, partCount == 1, records > KeyIndex.splitAt else { return }
        leave(parts[0])
        makeParts(
            KeyIndex.partsInAll, capacity: UInt32(records / KeyIndex.partsInAll * 5 / 4 + 256))
    }

    /// From one part to 256.
    private mutating func split() {
        let old = parts[0]
        makeParts(KeyIndex.partsInAll, capacity: 384)
        for position in 0..<Int(old.capacity + old.slack) where old.cells[position] != 0 {
            let entry = old.cells[position]
            let number = part(UInt32(truncatingIfNeeded: entry >> 32))
            while parts[number].count == parts[number].limit || !place(entry, in: number) {
                grow(number)
            }
        }
        leave(old)
    }

    // MARK: Memory

    /// Replaces the parts by new ones without entries.
    private mutating func makeParts(_ number: Int, capacity: UInt32) {
        parts.deallocate()
        parts = .allocate(capacity: number)
        partCount = number
        partBits = number == 1 ? 0 : 8
        regions.append(KeyIndexRegion(capacity: capacity, parts: number))
        following = number
        for part in 0..<number {
            take(part, from: regions.count - 1)
        }
    }

    /// Makes part `number` an empty one of at least `capacity`, in the newest region if that is
    /// larger than where it was.
    private mutating func enter(_ number: Int, atLeast capacity: UInt32) {
        if let newest = regions.last ?? nil, newest.capacity >= capacity {
            return take(number, from: regions.count - 1)
        }
        regions.append(KeyIndexRegion(capacity: capacity, parts: partCount))
        following = 0
        take(number, from: regions.count - 1)
    }

    private mutating func take(_ number: Int, from region: Int) {
        guard var taken = regions[region] else { preconditionFailure("a region that is gone") }
        let cells = taken.take(number)
        regions[region] = taken
        parts.advanced(by: number).initialize(
            to: Part(
                cells: cells, capacity: taken.capacity, slack: taken.slack, count: 0,
                limit: taken.capacity / 8 * 7, region: UInt32(region)))
    }

    private mutating func leave(_ part: Part) {
        let region = Int(part.region)
        regions[region]?.leave()
        if regions[region]?.parts == 0 { regions[region] = nil }
    }
}
