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
// them, and no write waits for more.
//
// Invariants of a part
//   1. Entries of one part are in ascending order of tag from their homes on, without a gap
//      between an entry and its home.
//   2. `count` entries are not empty; `count <= limit`.
//   3. The last cell is always empty, so every scan ends.

struct KeyIndex: ~Copyable {
    struct Part {
        var cells: UnsafeMutablePointer<UInt64>
        var capacity: UInt32
        /// Cells behind `capacity`, for runs that begin near the end; part of the allocation.
        var slack: UInt32
        var count: UInt32
        var limit: UInt32
    }

    private(set) var parts: UnsafeMutablePointer<Part>
    private(set) var partCount: Int
    /// Bits of the tag that choose the part: 0 or 8.
    private var partBits: UInt32
    private(set) var count = 0
    private(set) var bytes = 0

    private static let splitAt = 65_536

    init() {
        partCount = 1
        partBits = 0
        parts = .allocate(capacity: 1)
        parts.initialize(to: KeyIndex.makePart(capacity: 64))
        bytes = KeyIndex.bytes(parts[0])
    }

    deinit {
        for number in 0..<partCount {
            parts[number].cells.deallocate()
        }
        parts.deallocate()
    }

    // Safe (all of this file): a home is below `capacity`, and scans end at the empty last cell.

    @inline(__always) private static func tag(_ hash: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: hash)
    }

    @inline(__always) func part(_ tag: UInt32) -> Int {
        partBits == 0 ? 0 : Int(tag >> 24)
    }

    @inline(__always) func home(_ tag: UInt32, _ part: Part) -> Int {
        Int((UInt64(tag << partBits) &* UInt64(part.capacity)) >> 32)
    }

    /// The cell where a search for `hash` begins: what to prefetch.
    @inline(__always) func firstCell(_ hash: UInt64) -> UnsafePointer<UInt64> {
        let tag = KeyIndex.tag(hash)
        let part = parts[part(tag)]
        return UnsafePointer(part.cells + home(tag, part))
    }

    /// The first slot whose tag matches: very likely the record. 0 where there is none.
    @inline(__always) func firstCandidate(_ hash: UInt64) -> UInt32 {
        let tag = KeyIndex.tag(hash)
        var cell = firstCell(hash)
        while true {
            let entry = cell.pointee
            let found = UInt32(truncatingIfNeeded: entry >> 32)
            if entry == 0 || found > tag { return 0 }
            if found == tag { return UInt32(truncatingIfNeeded: entry) }
            cell += 1
        }
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
        let old = parts[number]
        var capacity = old.capacity + old.capacity / 6
        while true {
            parts[number] = KeyIndex.makePart(capacity: capacity)
            var fits = true
            for position in 0..<Int(old.capacity + old.slack) where old.cells[position] != 0 {
                fits = place(old.cells[position], in: number)
                if !fits { break }
            }
            if fits { break }
            parts[number].cells.deallocate()
            capacity += capacity / 8
        }
        bytes += KeyIndex.bytes(parts[number]) - KeyIndex.bytes(old)
        old.cells.deallocate()
    }

    /// Makes an empty index large enough for `records`, so that filling it moves no entry.
    mutating func reserve(_ records: Int) {
        guard count == 0, partCount == 1, records > KeyIndex.splitAt else { return }
        parts[0].cells.deallocate()
        parts.deallocate()
        parts = .allocate(capacity: KeyIndex.partsInAll)
        let capacity = UInt32(records / KeyIndex.partsInAll * 5 / 4 + 256)
        for number in 0..<KeyIndex.partsInAll {
            let part = KeyIndex.makePart(capacity: capacity)
            parts.advanced(by: number).initialize(to: part)
        }
        partCount = KeyIndex.partsInAll
        partBits = 8
        bytes = partCount * KeyIndex.bytes(parts[0])
    }

    /// From one part to 256.
    private mutating func split() {
        let old = parts[0]
        parts.deallocate()
        parts = .allocate(capacity: KeyIndex.partsInAll)
        for number in 0..<KeyIndex.partsInAll {
            let part = KeyIndex.makePart(capacity: 384)
            parts.advanced(by: number).initialize(to: part)
        }
        partCount = KeyIndex.partsInAll
        partBits = 8
        bytes = partCount * KeyIndex.bytes(parts[0])
        for position in 0..<Int(old.capacity + old.slack) where old.cells[position] != 0 {
            let entry = old.cells[position]
            let number = part(UInt32(truncatingIfNeeded: entry >> 32))
            while parts[number].count == parts[number].limit || !place(entry, in: number) {
                grow(number)
            }
        }
        old.cells.deallocate()
    }

    private static func makePart(capacity: UInt32) -> Part {
        let slack = 32 + capacity / 64
        let cells = UnsafeMutablePointer<UInt64>.allocate(capacity: Int(capacity + slack))
        cells.initialize(repeating: 0, count: Int(capacity + slack))
        return Part(
            cells: cells, capacity: capacity, slack: slack, count: 0, limit: capacity / 8 * 7)
    }

    private static func bytes(_ part: Part) -> Int {
        Int(part.capacity + part.slack) * 8
    }
}
