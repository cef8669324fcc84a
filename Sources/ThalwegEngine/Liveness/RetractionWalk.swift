// Retracting what lost sources asserted in a topic: searched for a bounded piece at a time, and
// retracted in one entry at the end. The retractions are merged into the open window (a topic that
// keeps every write: into the open group), and are logged, applied, numbered and told like any
// others. The lost sources write nothing meanwhile: whoever claims one again is taken off the walk
// first, and has lost nothing.
public import ThalwegModel

/// Where the retraction of lost sources from one topic has got to.
public struct RetractionWalk: Sendable {
    public let topic: TopicID
    fileprivate var sources: [UInt16]
    fileprivate var search: MembershipWalk
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
            topic: topic, sources: present,
            search: MembershipWalk(place: box.state.newestPlaceOfWrites))
    }

    /// Looks at up to `limit` entries of the change index; at its end, retracts all that was found.
    ///
    /// - Parameter entryBytes: what an entry may take of it. Only a larger retraction has several.
    public func retract(
        _ walk: inout RetractionWalk, limit: Int, time: Timestamp, entryBytes: Int? = nil
    ) -> WalkStep {
        // A dropped topic holds nothing.
        guard let box = box(walk.topic) else { return .isDone }
        return box.state.retract(
            &walk, limit: limit, time: time.microseconds,
            entryBytes: entryBytes ?? TopicState.mostRetractionBytes)
    }
}

extension TopicState {
    /// Writes of one batch of a topic that keeps every write: a program gets them at once.
    private static var batchOfRetractions: Int { 4_096 }

    fileprivate mutating func retract(
        _ walk: inout RetractionWalk, limit: Int, time: Int64, entryBytes: Int
    ) -> WalkStep {
        let lost = LostSources(walk.sources, in: table.sources)
        guard !lost.singles.isEmpty else { return .isDone }
        guard search(&walk.search, for: lost, limit: limit) else { return .goesOn }
        let left = walk.search.found.count - walk.search.taken
        // What fits one entry fits a window.
        let most = min(left, entryBytes / TopicState.leastRetractionBytes)
        guard isApplied(walk.search.place), queue.openBytes <= StreamQueue.fullBytes,
            open.pointee.count + most <= PendingWindow.limit
        else { return .waits }
        let slots = take(&walk.search, for: lost, entryBytes: entryBytes)
        if isStream {
            for (source, single) in zip(lost.sources, lost.singles) {
                let own = slots.filter { table.sources.contains(single, in: newest($0).sources) }
                for first in stride(from: 0, to: own.count, by: TopicState.batchOfRetractions) {
                    let end = min(first + TopicState.batchOfRetractions, own.count)
                    queueRetractions(own[first..<end], of: source, reason: .sourceLost)
                }
                walk.retracted += own.count
            }
        } else {
            for slot in slots {
                walk.retracted += retractPending(
                    slot, lost.singles, reason: .sourceLost, time: time)
            }
        }
        guard walk.search.taken < walk.search.found.count else { return .isDone }
        // The rest once this is applied, so that no entry has more.
        walk.search.place = newestPlaceOfWrites
        return .goesOn
    }
}
