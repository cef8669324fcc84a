// The change index: what carries all reading.
//
// A topic numbers its changes 1, 2, 3…; this is the array from offset to record slot. An entry is
// *live* while its record still says "last changed at this offset". A record has exactly one live
// entry, so a forward walk over the live entries after X is "everything that changed after X, once
// each, newest state": bootstrap, resume, live feed and slow reader alike.
//
//    archive                 segments of 4,096 offsets each
//    ┌──────────────────┐   ┌────────┬────────┬────────┬─ ─ ─ ─┬────────┐
//    │ (offset, slot)   │   │ sparse │ empty  │ dense  │       │ newest │
//    └──────────────────┘   └────────┴────────┴────────┴─ ─ ─ ─┴────────┘
//     offsets < firstSegment   6 B / live   0     4 B / offset
//
// A segment starts dense (one slot for each offset, sought by arithmetic). Each change makes one
// older entry stale, which is only counted. A segment with fewer than a third of its entries live
// becomes sparse (pairs of 16-bit distance and slot), a sparse one is thinned again whenever half
// of its pairs are stale, and one without live entries gives its memory back. When the segments'
// own descriptors outgrow the live records, the oldest are moved to the archive, one sorted run of
// pairs. So memory stays proportional to live records however long the topic lives.
//
// Invariants
//   1. Every live record's last change has exactly one entry, with its slot.
//   2. `live` of a segment is the number of its live entries; the archive's likewise.
//   3. Entries that are not live are never reported: each walk asks the record.

struct ChangeIndex: ~Copyable {
    static let segmentShift: UInt64 = 12
    static let segmentSize = 1 << 12
    /// Entries between what a walk looks at and what it asks memory for.
    static let lookahead = 12

    struct Segment {
        /// Dense: 4,096 slots. Sparse: `stored` slots, then `stored` 16-bit distances.
        var memory: UnsafeMutableRawPointer?
        var live: Int32
        /// -1 is dense.
        var stored: Int32
    }

    private(set) var segments: [Segment] = []
    /// The first of `segments` that is in use: the front is given back in steps.
    private(set) var head = 0
    /// Number (offset >> 12) of `segments[head]`.
    private(set) var firstSegment: UInt64 = 0

    private(set) var archiveOffsets: [UInt64] = []
    private(set) var archiveSlots: [UInt32] = []
    private(set) var archiveLive = 0

    /// The newest offset given out.
    private(set) var last: UInt64 = 0
    /// Records that have an entry: live ones and tombstones.
    private(set) var live = 0
    private(set) var segmentBytes = 0

    deinit {
        for segment in segments {
            segment.memory?.deallocate()
        }
    }

    var bytes: Int {
        segmentBytes + segments.capacity * MemoryLayout<Segment>.stride
            + archiveOffsets.capacity * 8 + archiveSlots.capacity * 4
    }

    // MARK: Changing

    /// Gives the next offset to the record in `slot` and makes its entry at `previous` (0: none)
    /// stale. The caller then writes the offset into the record.
    @inline(__always) mutating func append(slot: UInt32, previous: UInt64) -> UInt64 {
        last += 1
        let offset = last
        place(offset, slot: slot)
        if previous != 0 { retire(previous) }
        return offset
    }

    /// The record whose last change is `offset` has no entry any more.
    @inline(__always) mutating func retire(_ offset: UInt64) {
        live -= 1
        let number = offset >> ChangeIndex.segmentShift
        guard number >= firstSegment else {
            archiveLive -= 1
            return
        }
        let position = head + Int(number - firstSegment)
        segments[position].live -= 1
        if segments[position].live == 0, position != segments.count - 1 { empty(position) }
    }

    /// Adds an entry read from a snapshot. Offsets ascend and are above all before.
    mutating func restore(_ offset: UInt64, slot: UInt32) {
        precondition(offset > last, "entries are restored in ascending order")
        last = offset
        if head < segments.count {
            let number = offset >> ChangeIndex.segmentShift
            let newest = firstSegment + UInt64(segments.count - head - 1)
            if number != newest { thin(segments.count - 1) { _, _ in true } }
            // What was read so far is far behind: no descriptors for the offsets in between.
            if number > newest + 64 { archiveAll() }
        }
        place(offset, slot: slot)
    }

    private mutating func archiveAll() {
        while head < segments.count {
            archiveOne { _, _ in true }
        }
    }

    /// The topic's newest offset belongs to a change whose record is gone.
    mutating func advance(to offset: UInt64) {
        last = max(last, offset)
        guard head < segments.count else { return }
        let newest = firstSegment + UInt64(segments.count - head - 1)
        // As in `restore`: the next change opens no descriptors for the offsets in between.
        if last >> ChangeIndex.segmentShift > newest + 64 { archiveAll() }
    }

    @inline(__always) private mutating func place(_ offset: UInt64, slot: UInt32) {
        let number = offset >> ChangeIndex.segmentShift
        if head == segments.count || number != firstSegment + UInt64(segments.count - head - 1) {
            open(number)
        }
        // Safe: `open` made the newest segment dense; the distance is below 4,096.
        let newest = segments.count - 1
        let slots = segments[newest].memory.unsafelyUnwrapped.assumingMemoryBound(to: UInt32.self)
        slots[Int(offset & UInt64(ChangeIndex.segmentSize - 1))] = slot
        segments[newest].live += 1
        live += 1
    }

    @inline(never) private mutating func open(_ number: UInt64) {
        if head == segments.count {
            segments.removeAll(keepingCapacity: true)
            head = 0
            firstSegment = number
        } else {
            seal(segments.count - 1)
            // Offsets that a snapshot skipped: segments without entries.
            while firstSegment + UInt64(segments.count - head) < number {
                segments.append(Segment(memory: nil, live: 0, stored: 0))
            }
        }
        let memory = UnsafeMutableRawPointer.allocate(
            byteCount: ChangeIndex.segmentSize * 4, alignment: 8)
        memory.initializeMemory(as: UInt32.self, repeating: 0, count: ChangeIndex.segmentSize)
        segmentBytes += ChangeIndex.segmentSize * 4
        segments.append(Segment(memory: memory, live: 0, stored: -1))
        trimFront()
    }

    // MARK: Staying small

    private mutating func empty(_ position: Int) {
        guard let memory = segments[position].memory else { return }
        segmentBytes -= ChangeIndex.bytes(segments[position])
        memory.deallocate()
        segments[position] = Segment(memory: nil, live: 0, stored: 0)
    }

    /// The newest segment is full: from here on it may be thinned.
    private mutating func seal(_ position: Int) {
        if segments[position].live == 0 { empty(position) }
    }

    /// Drops empty segments at the front; archives old ones when descriptors outgrow records.
    private mutating func trimFront() {
        while head < segments.count - 1, segments[head].memory == nil {
            head += 1
            firstSegment += 1
        }
        if head > 1_024, head > segments.count / 2 {
            segments.removeFirst(head)
            head = 0
        }
    }

    /// Work to do after an entry was applied, a little at a time: thins up to `count` segments
    /// whose entries are mostly stale. `isLast` says whether a slot's record last changed there.
    mutating func tidy(segments count: Int, isLast: (UInt32, UInt64) -> Bool) {
        let sealed = segments.count - head - 1
        guard sealed > 0 else { return }
        for _ in 0..<min(count, sealed) {
            if tidyPosition >= sealed { tidyPosition = 0 }
            thin(head + tidyPosition, isLast)
            tidyPosition += 1
        }
        let descriptorBytes = (segments.count - head) * MemoryLayout<Segment>.stride
        if descriptorBytes > live + 65_536 { archiveFront(isLast) }
        if archiveSlots.count > 64, archiveLive < archiveSlots.count / 2 { thinArchive(isLast) }
    }

    private var tidyPosition = 0

    private mutating func thin(_ position: Int, _ isLast: (UInt32, UInt64) -> Bool) {
        let segment = segments[position]
        guard let memory = segment.memory else { return }
        let live = Int(segment.live)
        if segment.stored < 0 {
            guard live * 3 < ChangeIndex.segmentSize else { return }
        } else {
            guard live * 2 < Int(segment.stored) else { return }
        }
        let first = (firstSegment + UInt64(position - head)) << ChangeIndex.segmentShift
        let sparse = UnsafeMutableRawPointer.allocate(byteCount: live * 6, alignment: 8)
        let slots = sparse.assumingMemoryBound(to: UInt32.self)
        let distances = ChangeIndex.distances(sparse, live)
        var kept = 0
        ChangeIndex.forEach(segment, from: 0) { distance, slot in
            guard isLast(slot, first + UInt64(distance)) else { return true }
            precondition(kept < live, "a change index segment has more live entries than counted")
            slots[kept] = slot
            distances[kept] = UInt16(distance)
            kept += 1
            return true
        }
        precondition(kept == live, "a change index segment has fewer live entries than counted")
        segmentBytes += live * 6 - ChangeIndex.bytes(segment)
        memory.deallocate()
        segments[position] = Segment(memory: sparse, live: segment.live, stored: Int32(live))
    }

    private mutating func archiveFront(_ isLast: (UInt32, UInt64) -> Bool) {
        let count = max(1, (segments.count - head) / 4)
        for _ in 0..<count where head < segments.count - 1 {
            archiveOne(isLast)
        }
        trimFront()
    }

    private mutating func archiveOne(_ isLast: (UInt32, UInt64) -> Bool) {
        let first = firstSegment << ChangeIndex.segmentShift
        ChangeIndex.forEach(segments[head], from: 0) { distance, slot in
            if isLast(slot, first + UInt64(distance)) {
                archiveOffsets.append(first + UInt64(distance))
                archiveSlots.append(slot)
            }
            return true
        }
        archiveLive += Int(segments[head].live)
        segments[head].live = 0
        empty(head)
        head += 1
        firstSegment += 1
    }

    private mutating func thinArchive(_ isLast: (UInt32, UInt64) -> Bool) {
        var kept = 0
        for position in 0..<archiveSlots.count
        where isLast(archiveSlots[position], archiveOffsets[position]) {
            archiveSlots[kept] = archiveSlots[position]
            archiveOffsets[kept] = archiveOffsets[position]
            kept += 1
        }
        precondition(kept == archiveLive, "the change index archive's live count is wrong")
        archiveSlots.removeLast(archiveSlots.count - kept)
        archiveOffsets.removeLast(archiveOffsets.count - kept)
    }

    // MARK: Walking

    /// Calls `body` with (offset, slot) of every entry after `offset`, ascending, stale ones
    /// included, until it returns `false`. The caller asks each record whether it is the last.
    /// `ahead` hears of a slot some entries before `body` does: records stand in memory in another
    /// order than that of their changes, and a walk over cold ones waits for little else.
    ///
    /// Complexity: a seek by arithmetic (binary in the archive), then one step an entry.
    @inline(__always) func walk(
        after offset: UInt64, ahead: (UInt32) -> Void, _ body: (UInt64, UInt32) -> Bool
    ) {
        guard offset < last else { return }
        var next = offset + 1
        if next >> ChangeIndex.segmentShift < firstSegment {
            let end = archiveOffsets.count
            for position in lowerBound(next)..<end {
                if position + ChangeIndex.lookahead < end {
                    ahead(archiveSlots[position + ChangeIndex.lookahead])
                }
                guard body(archiveOffsets[position], archiveSlots[position]) else { return }
            }
            next = firstSegment << ChangeIndex.segmentShift
        }
        guard next <= last, head < segments.count else { return }
        var position = head + Int(next >> ChangeIndex.segmentShift - firstSegment)
        while position < segments.count {
            let first =
                (firstSegment + UInt64(position - head)) << ChangeIndex.segmentShift
            let skip = next > first ? Int(next - first) : 0
            let goesOn = ChangeIndex.forEach(segments[position], from: skip, ahead: ahead) {
                distance, slot in body(first + UInt64(distance), slot)
            }
            guard goesOn else { return }
            position += 1
        }
    }

    /// The slot that stands at `offset`, live or stale; `nil` where none is kept.
    func slot(at offset: UInt64) -> UInt32? {
        var found: UInt32?
        walk(after: offset - 1, ahead: { _ in }) { at, slot in
            if at == offset { found = slot }
            return false
        }
        return found
    }

    @discardableResult
    @inline(__always) static func forEach(
        _ segment: Segment, from start: Int, ahead: (UInt32) -> Void = { _ in },
        _ body: (Int, UInt32) -> Bool
    ) -> Bool {
        // Safe: a dense segment has 4,096 slots, a sparse one `stored` of each.
        guard let memory = segment.memory else { return true }
        let slots = memory.assumingMemoryBound(to: UInt32.self)
        if segment.stored < 0 {
            for distance in start..<ChangeIndex.segmentSize where slots[distance] != 0 {
                // Slot 0 is memory too, and a slot may be told more than once.
                ahead(slots[min(distance + lookahead, ChangeIndex.segmentSize - 1)])
                guard body(distance, slots[distance]) else { return false }
            }
            return true
        }
        let stored = Int(segment.stored)
        let distances = ChangeIndex.distances(memory, stored)
        for position in 0..<stored where Int(distances[position]) >= start {
            ahead(slots[min(position + lookahead, stored - 1)])
            guard body(Int(distances[position]), slots[position]) else { return false }
        }
        return true
    }

    private static func distances(
        _ memory: UnsafeMutableRawPointer, _ stored: Int
    ) -> UnsafeMutablePointer<UInt16> {
        (memory + stored * 4).assumingMemoryBound(to: UInt16.self)
    }

    static func bytes(_ segment: Segment) -> Int {
        segment.stored < 0 ? segmentSize * 4 : Int(segment.stored) * 6
    }

    private func lowerBound(_ offset: UInt64) -> Int {
        var low = 0
        var high = archiveOffsets.count
        while low < high {
            let middle = (low + high) / 2
            if archiveOffsets[middle] < offset {
                low = middle + 1
            } else {
                high = middle
            }
        }
        return low
    }
}
