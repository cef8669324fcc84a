// The search for what sources assert in a topic, a bounded piece at a time, and its retraction at
// once.
//
//   change index  ─────────► position ─────────► tail        found: slots, four bytes each
//                 looked at            to look at            at the tail: all of them, in one entry
//
// The walk looks at the newest state of each record, windows on their way included. A record that
// somebody changes meanwhile moves behind the position to the front of the index and is met there;
// one that only a window knew when the walk began has an offset once that window is applied, so the
// walk ends no sooner. Nothing is retracted before it ends: who is reprieved until then has lost
// nothing, and no reader sees a part of it.
//
// The lost sources (`RetractionWalk`) and the end of an epoch (`EpochWalk`) go this way.
import ThalwegModel

struct MembershipWalk {
    var position: UInt64 = 0
    /// Where the newest writes before the walk are: see `TopicState.newestPlaceOfWrites`.
    var place: UInt64
    /// The table that `found` is of: see `TopicState.tables`.
    var table: UInt32 = 0
    /// Records that were asserted when they were met. A slot may stand here twice, or have another
    /// record by now: it is looked at again before anything is done.
    var found: [UInt32] = []
    /// Of these, how many were dealt with.
    var taken = 0
    /// Bytes of the entry that retracts them, at most.
    var entryBytes = 0

    init(place: UInt64) {
        self.place = place
    }
}

extension TopicState {
    /// Bytes of an entry that retractions may have: an entry of the log has 64 MiB, and shares it with
    /// what else the window holds.
    static let mostRetractionBytes = 48 << 20
    /// Bytes that an entry of a window has for a record at least.
    static let leastRetractionBytes = 16

    /// A truncation has left nothing of what was found before it.
    func refresh(_ walk: inout MembershipWalk) {
        guard walk.table != tables else { return }
        (walk.table, walk.found, walk.taken, walk.entryBytes) = (tables, [], 0, 0)
    }

    /// Looks at up to `limit` entries of the change index for records that one of `sources` asserts;
    /// says whether that was all.
    func search(
        _ walk: inout MembershipWalk, for sources: LostSources, limit: Int,
        except stays: (_ slot: UInt32) -> Bool = { _ in false }
    ) -> Bool {
        refresh(&walk)
        let last = table.changes.last
        walk.position = walkRecords(after: walk.position, limit: limit) { slot in
            guard !stays(slot) else { return }
            let word = newest(slot).sources
            guard sources.isAny(in: word, table.sources) else { return }
            walk.found.append(slot)
            walk.entryBytes += retractionBytes(slot, word, sources)
        }
        return walk.position == last
    }

    /// Takes what was found and is asserted still, each record once, and as many as an entry has room
    /// for, but one at least.
    func take(
        _ walk: inout MembershipWalk, for sources: LostSources, entryBytes: Int = .max,
        except stays: (_ slot: UInt32) -> Bool = { _ in false }
    ) -> [UInt32] {
        var slots: [UInt32] = []
        var marks = SlotMarks()
        var bytes = 0
        while walk.taken < walk.found.count {
            let slot = walk.found[walk.taken]
            if table.record(slot).isLive, !stays(slot), !marks.contains(slot) {
                let word = newest(slot).sources
                if sources.isAny(in: word, table.sources) {
                    bytes += retractionBytes(slot, word, sources)
                    guard bytes <= entryBytes || slots.isEmpty else { break }
                    slots.append(slot)
                    marks.insert(slot)
                }
            }
            walk.taken += 1
        }
        return slots
    }

    /// Bytes, at most, of what an entry says of a record that loses those of `sources` that it has.
    private func retractionBytes(_ slot: UInt32, _ word: UInt64, _ sources: LostSources) -> Int {
        let key = table.shape.keySize(table.record(slot))
        if isStream {
            let lost = sources.singles.count { table.sources.contains($0, in: word) }
            return lost * (1 + key)
        }
        let isListed = !SourceSets.isMask(word) || word.nonzeroBitCount > 1
        let members = isListed ? table.sources.members(word).count : 0
        return TopicState.leastRetractionBytes + key + 2 * members
    }

    /// Where the newest writes are: the number of their window, the open one or the one sealed last;
    /// of the newest batch of a topic that keeps every write.
    var newestPlaceOfWrites: UInt64 {
        if isStream { return queue.queuedBatches }
        return isOpenEmpty ? openNumber - 1 : openNumber
    }

    /// Whether a window, or a batch of a topic that keeps every write, is applied.
    func isApplied(_ place: UInt64) -> Bool {
        (isStream ? queue.appliedBatches : appliedNumber) >= place
    }

    /// Retracts memberships in the open window; gives how many there were.
    mutating func retractPending(
        _ slot: UInt32, _ singles: [UInt64], reason: DeletionReason, time: Int64
    ) -> Int {
        if open.pointee.openedAt == 0 { open.pointee.openedAt = time }
        open.pointee.reserve(1)
        let entry = open.pointee.entries + pendingIndex(slot, open)
        var count = 0
        for single in singles where table.sources.contains(single, in: entry.pointee.sources) {
            entry.pointee.sources = table.sources.remove(single, from: entry.pointee.sources)
            count += 1
        }
        if count > 0, entry.pointee.sources == SourceSets.empty {
            entry.pointee.exists = false
            entry.pointee.outcome.reason = reason.rawValue
        }
        return count
    }
}

/// Some sources, in the form that source sets are asked in.
struct LostSources {
    /// Those that can be a member of any set here.
    let sources: [UInt16]
    /// The set of each.
    let singles: [UInt64]
    private let mask: UInt64

    init(_ sources: [UInt16], in sets: borrowing SourceSets) {
        var known: [UInt16] = []
        var singles: [UInt64] = []
        for source in sources {
            guard let single = sets.known(source) else { continue }
            known.append(source)
            singles.append(single)
        }
        self.sources = known
        self.singles = singles
        mask = singles.filter { SourceSets.isMask($0) }.reduce(0, |)
    }

    @inline(__always) func isAny(in word: UInt64, _ sets: borrowing SourceSets) -> Bool {
        if SourceSets.isMask(word) { return word & mask != 0 }
        for single in singles where sets.contains(single, in: word) { return true }
        return false
    }
}
