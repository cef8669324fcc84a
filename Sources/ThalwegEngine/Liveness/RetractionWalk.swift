// Retracting what lost sources asserted in a topic, a bounded piece at a time.
//
// The walk goes forward through the change index to the topic's tail. It looks at the newest state
// of each record, windows on their way included, and merges the retractions into the open window:
// they are logged, applied, numbered and told like any others. A record that somebody else changes
// meanwhile moves behind the walk's position to its front and is met there; one that only a window
// knew when the walk began has an offset once that window is applied, so the walk ends no sooner.
// The lost sources write nothing meanwhile: whoever claims one again is taken off the walk first.
public import ThalwegModel

/// Where the retraction of lost sources from one topic has got to.
public struct RetractionWalk: Sendable {
    public let topic: TopicID
    fileprivate var sources: [UInt16]
    fileprivate var position: UInt64 = 0
    /// The walk does not end before this window, or batch of a topic that keeps every write, is
    /// applied.
    fileprivate let window: UInt64
    /// Memberships retracted so far.
    public fileprivate(set) var retracted = 0

    /// A source has come back: what it still asserts stays.
    public mutating func spare(_ source: SourceID) {
        sources.removeAll { $0 == source.rawValue }
    }
}

/// What one step of a walk over a topic came to.
public enum WalkStep: Sendable {
    /// There is more to do.
    case goesOn
    /// Nothing can be done before windows on their way are applied.
    case waits
    case isDone
}

extension Partition {
    /// Begins to retract what `sources` assert in a topic; `nil` where they assert nothing there.
    public func beginRetraction(_ topic: TopicID, of sources: [SourceID]) -> RetractionWalk? {
        guard let box = box(topic) else { return nil }
        let present = sources.map(\.rawValue).filter { box.state.table.sources.known($0) != nil }
        guard !present.isEmpty else { return nil }
        return RetractionWalk(
            topic: topic, sources: present, window: box.state.newestPlaceOfWrites)
    }

    /// Looks at up to `limit` entries of the change index.
    public func retract(_ walk: inout RetractionWalk, limit: Int, time: Timestamp) -> WalkStep {
        // A dropped topic holds nothing.
        guard let box = box(walk.topic) else { return .isDone }
        return box.state.retract(&walk, limit: limit, time: time.microseconds)
    }
}

extension TopicState {
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

    fileprivate mutating func retract(
        _ walk: inout RetractionWalk, limit: Int, time: Int64
    ) -> WalkStep {
        let lost = LostSources(walk.sources, in: table.sources)
        guard !lost.singles.isEmpty else { return .isDone }
        guard open.pointee.count + limit <= PendingWindow.limit,
            queue.openBytes <= StreamQueue.fullBytes
        else { return .waits }
        let last = table.changes.last
        // Slots first: merging makes windows, and may not happen in the middle of the walk.
        var found: [UInt32] = []
        let reached = walkRecords(after: walk.position, limit: limit) { slot in
            if lost.isAny(in: newest(slot).sources, table.sources) { found.append(slot) }
        }
        walk.position = reached
        if isStream {
            for (source, single) in zip(lost.sources, lost.singles) {
                let own = found.filter {
                    table.sources.contains(single, in: self.sources(table.record($0)))
                }
                queueRetractions(own, of: source, reason: .sourceLost)
                walk.retracted += own.count
            }
            found = []
        }
        for slot in found {
            walk.retracted += retractPending(slot, lost.singles, reason: .sourceLost, time: time)
        }
        guard reached == last else { return .goesOn }
        return isApplied(walk.window) ? .isDone : .waits
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
