// Walks over a topic as it was at one place in the log, while writes go on.
//
// A walk goes forward through the slab, chunk by chunk, up to where that ended when it began, a little
// at a time: in the order in which records lie in memory, as any other would wait for each of them.
// It takes those whose last change is no newer than `end`, the newest offset then. A record that is
// about to change before the walk has reached it is taken first, as it was (`capture`); after the
// change its offset is beyond `end`, so the walk passes it by, wherever it lies now. A change of
// membership leaves the offset as it is, so the walk remembers that it has such a record already.
//
//      taken                    position           not looked at yet         endSlot    newer
//   ├──────────────────────────────┼────────────────────────────────────────────┼────────────►
//                                  │     ▲ taken early, before it changed        │
//
// What becomes of a record is the walk's own: `SnapshotWalk` writes it down, `HashWalk` hashes it.
// Walks know nothing of each other, so any number of them may be under way.
//
// Invariants
//   1. Every record and tombstone that was there when the walk began is taken once, as it was.
//   2. Nothing is taken between two entries but by `goOn`; within an entry, only before a change.
//   3. A truncation that replaces the table leaves it to the walks that are in it (`frozen`), until
//      the last of them has gone on to the end.
import ThalwegModel

/// Where a walk has got to; what it takes is for who inherits from it.
class TopicWalk {
    /// Every record below this slot is taken.
    @exclusivity(unchecked) final fileprivate(set) var position = Slab.first
    /// The slab's end when the walk began.
    fileprivate final let endSlot: UInt32
    /// The newest offset then.
    final let end: UInt64
    /// Records taken at a change of membership: they keep their offset, so the walk meets them
    /// again.
    @exclusivity(unchecked) final fileprivate var keptOffsets: Set<UInt64> = []
    /// The table that the walk is of, where a truncation has replaced it since.
    final var frozen: FrozenTable?

    init(_ table: borrowing Table) {
        end = table.changes.last
        // Without a change there is no record to take, whatever windows hold.
        endSlot = end == 0 ? Slab.first : table.slab.end
    }

    /// Every record has been taken.
    final var isThrough: Bool { position >= endSlot }

    /// Whether a record that the walk has not reached yet is to be taken.
    @inline(__always) fileprivate final func wants(_ record: Record) -> Bool {
        let offset = record.lastChange
        guard offset <= end, record.isLast(offset) else { return false }
        return keptOffsets.isEmpty || !keptOffsets.contains(offset)
    }

    /// Asked before each chunk of the slab, free ones included: `false` ends this piece.
    func goesOn() -> Bool { preconditionFailure("a walk says how far it goes") }

    /// Takes a record as it was when the walk began.
    ///
    /// - Parameter isCaptured: it is about to change; the walk has not got to it.
    func take(_ record: Record, of state: borrowing TopicState, isCaptured: Bool) {
        preconditionFailure("a walk takes records for something")
    }
}

/// The walks under way in a topic: none, mostly, and then there is no list of them.
final class TopicWalks {
    fileprivate(set) var all: [TopicWalk] = []

    var needFrozenTable: Bool { all.contains { $0.frozen != nil } }
}

extension TopicState {
    /// The walk is told of changes from here on.
    mutating func begin(_ walk: TopicWalk) {
        let list = walks ?? TopicWalks()
        list.all.append(walk)
        walks = list
    }

    /// The walk is told of nothing more.
    mutating func end(_ walk: TopicWalk) {
        walk.frozen = nil
        walks?.all.removeAll { $0 === walk }
        if walks?.all.isEmpty == true { walks = nil }
    }

    // Mutating only so that the state is not copied for the call.
    @inline(never) mutating func capture(
        _ slot: UInt32, for walks: TopicWalks, keepsOffset: Bool
    ) {
        let record = table.record(slot)
        for walk in walks.all where slot >= walk.position && walk.wants(record) {
            if keepsOffset { walk.keptOffsets.insert(record.lastChange) }
            walk.take(record, of: self, isCaptured: true)
        }
    }

    /// Takes the walk on for as long as it wants to.
    mutating func goOn(_ walk: TopicWalk) {
        if let frozen = walk.frozen { exchange(frozen) }
        defer { if let frozen = walk.frozen { exchange(frozen) } }
        walk.position = takeRecords(walk)
    }

    private func takeRecords(_ walk: TopicWalk) -> UInt32 {
        var slot = walk.position
        while slot < walk.endSlot, walk.goesOn() {
            let record = table.record(slot)
            if walk.wants(record) { walk.take(record, of: self, isCaptured: false) }
            slot = table.slot(behind: slot)
        }
        return slot
    }

    /// Puts the table that a truncation has replaced in its old place, or back. Source sets are the
    /// topic's all the time.
    private mutating func exchange(_ frozen: FrozenTable) {
        swap(&table, &frozen.table)
        swap(&table.sources, &frozen.table.sources)
    }

    /// A truncation has replaced `old`: the walks that are in it keep it.
    mutating func freeze(_ old: consuming Table) {
        guard let walks, walks.all.contains(where: { $0.frozen == nil }) else { return }
        let frozen = FrozenTable(old)
        for walk in walks.all where walk.frozen == nil { walk.frozen = frozen }
    }
}

/// A table that a truncation has replaced, kept until the walks that began before are through.
final class FrozenTable {
    var table: Table

    init(_ table: consuming Table) {
        self.table = table
    }
}
