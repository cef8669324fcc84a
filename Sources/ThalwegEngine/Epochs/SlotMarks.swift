/// A set of slots: one bit for each granule of the slab, in pieces of 512 that exist only where
/// there is a bit. At most a sixty-fourth of the slab where most slots are in it, and about a
/// hundred bytes for a slot that stands alone.
struct SlotMarks {
    private var pieces: [UInt32: SIMD8<UInt64>] = [:]

    /// About what the set takes.
    var bytes: Int { pieces.capacity * 96 }

    mutating func insert(_ slot: UInt32) {
        pieces[slot >> 9, default: .zero][Int(slot >> 6) & 7] |= 1 << UInt64(slot & 63)
    }

    mutating func remove(_ slot: UInt32) {
        pieces[slot >> 9]?[Int(slot >> 6) & 7] &= ~(1 << UInt64(slot & 63))
    }

    func contains(_ slot: UInt32) -> Bool {
        guard let piece = pieces[slot >> 9] else { return false }
        return piece[Int(slot >> 6) & 7] & 1 << UInt64(slot & 63) != 0
    }

    /// What was at one slot is at another one now; what was known of that one is void.
    mutating func move(_ old: UInt32, to new: UInt32) {
        if contains(old) {
            remove(old)
            insert(new)
        } else {
            remove(new)
        }
    }
}
