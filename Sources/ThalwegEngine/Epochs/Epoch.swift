// An epoch: a source says "what I assert from here to the end is all there is", and at the end
// what it asserted before and not since is retracted, in one entry.
//
//   EPOCH_BEGIN        ASSERT, PATCH …                 EPOCH_END
//        │    writes as ever; their slots are marked       │  walk: asserted and not marked?
//        └─────────────────────────────────────────────────┴──► found ──► one window, one entry
//
// The writes of an epoch are ordinary writes, visible as they are committed; what the end does is
// the difference, and only that. So an epoch that is abandoned (by word, by the end of its
// connection, by a crash) has retracted nothing, and costs no log.
//
// The difference is found by a walk through the change index, a bounded piece at a time, and
// retracted at once (`MembershipWalk`), so that no seal comes between. What the source asserts again
// while the walk goes on stays. A topic that keeps every write does the same in its own way: see
// `TopicState+StreamEpoch.swift`.
//
// Memory: the marks, and four bytes for each record of the difference.
import ThalwegModel
import ThalwegWire

/// One source's epoch on one topic.
final class Epoch {
    /// Who opened it: nobody else may close it.
    let number: UInt64
    /// Records that the source asserted in it.
    var marks = SlotMarks()
    /// Of a topic that keeps every write: batches behind this one are part of the epoch.
    let begin: UInt64
    /// `nil` until its end is asked for.
    var walk: EpochWalk?

    init(number: UInt64, behind begin: UInt64) {
        self.number = number
        self.begin = begin
    }

    var bytes: Int { marks.bytes + (walk?.search.found.capacity ?? 0) * 4 }
}

/// The search for the difference, at an epoch's end.
struct EpochWalk {
    /// Finds what is asserted and not marked.
    var search: MembershipWalk
    /// It has met everything but what is on its way: nothing more is sent on its way until its end.
    var isAtTail = false
}

extension TopicState {
    // MARK: While it is open

    /// Marks the records that a chunk of writes asserted.
    ///
    /// - Parameter refused: bit n: write n of the chunk was invalid.
    mutating func markEpoch(_ epoch: Epoch, _ count: Int, refused: UInt64) {
        for position in 0..<count where refused & 1 << UInt64(position) == 0 {
            let write = decoded + position
            guard write.pointee.operation != .retract else { continue }
            let slot = table.find(write.pointee.key, hash: write.pointee.hash)
            if slot != 0 { epoch.marks.insert(slot) }
        }
    }

    /// A record has moved: its marks go with it.
    mutating func moveMarks(_ old: UInt32, to new: UInt32) {
        for epoch in epochs.values { epoch.marks.move(old, to: new) }
    }

    var epochBytes: Int { epochs.values.reduce(0) { $0 + $1.bytes } }

    // MARK: Its end

    /// Looks at up to `limit` entries of the change index.
    mutating func searchEpoch(_ epoch: Epoch, _ source: UInt16, limit: Int) -> WalkStep {
        guard var walk = epoch.walk else { return .isDone }
        // Who has written here for the first time is known when that is applied.
        if isStream, !isApplied(walk.search.place) { return .waits }
        let own = LostSources([source], in: table.sources)
        guard !own.singles.isEmpty else { return .isDone }
        // Out of the epoch while its memory grows.
        epoch.walk = nil
        let isAtTail = search(
            &walk.search, for: own, limit: limit, except: { epoch.marks.contains($0) })
        walk.isAtTail = walk.isAtTail || isStream && isAtTail
        epoch.walk = walk
        guard isAtTail else { return .goesOn }
        if isStream { return queue.groupsInFlight == 0 ? .isDone : .waits }
        return isApplied(walk.search.place) ? .isDone : .waits
    }

    /// Merges the whole difference into the open window; gives how many records it has.
    ///
    /// - Throws: `memory_limit` where it does not fit one entry; then nothing is retracted.
    mutating func retractDifference(
        _ epoch: Epoch, _ source: UInt16, time: Int64
    ) throws(ThalwegError) -> Int {
        precondition(!isStream, "a topic without windows cuts its difference")
        guard var walk = epoch.walk else { return 0 }
        refresh(&walk.search)
        try checkDifference(walk.search, limit: TopicState.mostRetractionBytes)
        guard open.pointee.count + walk.search.found.count <= PendingWindow.limit else {
            throw .exceeded(
                .memoryLimit, "the number of records in the topic's open window",
                value: open.pointee.count + walk.search.found.count, limit: PendingWindow.limit,
                advice: "wait until the log has caught up")
        }
        let own = LostSources([source], in: table.sources)
        let slots = take(&walk.search, for: own, except: { epoch.marks.contains($0) })
        var count = 0
        for slot in slots {
            count += retractPending(slot, own.singles, reason: .epoch, time: time)
        }
        return count
    }

    func checkDifference(_ walk: MembershipWalk, limit: Int) throws(ThalwegError) {
        guard walk.entryBytes <= limit else {
            throw .exceeded(
                .memoryLimit, "the entry of the epoch's difference in bytes",
                value: walk.entryBytes, limit: limit,
                advice: "retract in batches, or open epochs of smaller topics")
        }
    }
}
