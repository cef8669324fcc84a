// Epochs on a topic that keeps every write.
//
// What a batch asserts is known when it is applied, as its program may make something else of it: the
// leader marks records then, of batches that were queued behind the epoch's beginning. For the end,
// nothing may be on its way whose effect is not known. So groups wait, once the search has met all
// the rest, until those in flight are applied; then the difference is exact, and is cut as an atomic
// batch ahead of them.
//
//   END      …  applied │ in flight │ open         the search goes on, groups are cut as ever
//   at tail     applied │ in flight │ open ···     the open group waits
//   the end     applied │ RETRACT … │ open         one entry, each retraction a change of its own
//
// The batch is the source's, so a program sees its retractions and may refuse them, all or none;
// followers apply it as any other and know nothing of epochs.
public import ThalwegModel
import ThalwegWire

extension Partition {
    /// Cuts an entry that retracts what the search found, all or nothing, on a topic that keeps
    /// every write; closes the epoch. `nil` where there is nothing to retract. Follows a search that
    /// is done, with nothing between.
    ///
    /// - Parameter token: whom to answer when it is applied: with a refusal where the topic's program
    ///   refused it.
    /// - Throws: `memory_limit` where it does not fit one entry, or one batch through a program; then
    ///   nothing is retracted, and the epoch is closed too.
    public func cutDifference(
        _ topic: TopicID, source: SourceID, number: UInt64, time: Timestamp, token: UInt64
    ) throws(ThalwegError) -> [UInt8]? {
        guard let box = box(topic), let epoch = box.state.epochs[source.rawValue],
            epoch.number == number
        else { return nil }
        box.state.epochs[source.rawValue] = nil
        guard var walk = epoch.walk else { return nil }
        box.state.refresh(&walk.search)
        let largest = TopicState.mostRetractionBytes
        if box.state.program == nil {
            try box.state.checkDifference(walk.search, limit: largest)
        } else {
            // A program gets no more at once than somebody could send in one frame.
            try box.state.checkDifference(walk.search, limit: min(largest, Limits.frameBytes))
        }
        return box.state.cutDifference(
            &walk.search, epoch.marks, source.rawValue, time: time.microseconds, token: token)
    }
}

extension TopicState {
    /// The end of an epoch waits for the groups in flight, and no other may come between.
    var waitsForEpoch: Bool {
        !epochs.isEmpty && epochs.values.contains { $0.walk?.isAtTail == true }
    }

    /// Whether the end of the source's epoch on all topics has anything to do here.
    func concernsEpoch(of source: UInt16) -> Bool {
        // What is on its way may be of a source that is not known yet. One that is known no more may
        // have begun here.
        table.sources.known(source) != nil || epochs[source] != nil
            || queue.appliedBatches < queue.queuedBatches
    }

    /// What is changed from here on, is changed for this batch.
    mutating func act(for batch: StreamBatch) {
        author = SourceID(batch.source)
        guard !epochs.isEmpty || marking != nil else { return }
        marking = nil
        guard batch.reason == 0, let epoch = epochs[batch.source], batch.place > epoch.begin
        else { return }
        marking = epoch
    }

    fileprivate mutating func cutDifference(
        _ walk: inout MembershipWalk, _ marks: SlotMarks, _ source: UInt16, time: Int64,
        token: UInt64
    ) -> [UInt8]? {
        let own = LostSources([source], in: table.sources)
        let slots = take(&walk, for: own, except: { marks.contains($0) })
        guard !slots.isEmpty else { return nil }
        // Alive as long as the batch, which only points into it.
        let writes = retractions(slots[...])
        var batch = StreamBatch()
        batch.flags = StreamBatch.atomic
        batch.reason = DeletionReason.epoch.rawValue
        batch.source = source
        batch.count = UInt32(slots.count)
        batch.writes = writes.written
        lastTime = max(lastTime, time)
        let entry = queue.cutAhead(batch, token: token, topic: id, time: lastTime)
        counters.entryBytes += UInt64(entry.count)
        return entry
    }
}

extension Epoch {
    /// What whoever ends an epoch is told when the topic's program did not take it.
    static func refused(_ outcome: WriteOutcome) -> ThalwegError {
        let code = outcome.code ?? .rejected
        var message = "the topic's program refused to retract what was not asserted again"
        if let said = outcome.rejection {
            message += ", with code \(said.code): \(said.message)"
        }
        return ThalwegError(
            code, message,
            advice: "nothing was retracted; assert in the epoch what the program wants to keep, or "
                + "retract the records one by one")
    }
}
