import ThalwegModel
import ThalwegWire

// A leader's side of a topic that keeps every write: batches wait here for the log.
extension TopicState {
    /// Queues a batch for the log.
    func enqueue(
        _ writes: UnsafeRawBufferPointer, header: WriteBatchHeader, source: SourceID,
        session: UniqueID, token: UInt64?
    ) throws(ThalwegError) -> MergeOutcome {
        var batch = StreamBatch()
        batch.source = source.rawValue
        batch.count = header.count
        batch.writes = writes
        if header.isAtomic { batch.flags |= StreamBatch.atomic }
        if header.acknowledgement == .committedEach { batch.flags |= StreamBatch.each }
        if session != UniqueID(high: 0, low: 0) {
            batch.flags |= StreamBatch.ofSession
            batch.session = session
        }
        if let numbering = header.numbering {
            guard batch.flags & StreamBatch.ofSession != 0 else {
                throw ThalwegError(
                    .unknownSession, "a numbered batch needs a session",
                    advice: "name a session in HELLO")
            }
            batch.flags |= StreamBatch.numbered
            batch.number = numbering.number
            batch.answered = numbering.answered
        }
        queue.append(batch, token: token, topic: id)
        var outcome = MergeOutcome()
        outcome.queued = header.count
        return outcome
    }

    /// Queues deletions that nobody asked for. Each is of the record as it is now: what is written
    /// to it before the entry is applied keeps it.
    mutating func queueDeletions(_ slots: [UInt32], reason: DeletionReason, time: Int64) {
        var writes = EntryWriter()
        var count: UInt32 = 0
        for slot in slots where table.record(slot).isLive {
            let key = table.shape.key(table.record(slot))
            writes.reserve(10 + key.count)
            writes.integer(WriteOperation.retract.rawValue | 0x10)
            writes.raw(key)
            writes.integer(UInt8(1))
            writes.integer(table.record(slot).version)
            count += 1
        }
        guard count > 0 else { return }
        var batch = StreamBatch()
        batch.flags = StreamBatch.own
        batch.reason = reason.rawValue
        batch.count = count
        batch.writes = writes.written
        queue.append(batch, token: nil, topic: id)
    }

    /// Queues the retraction of a source that is gone, from each of these records.
    mutating func queueRetractions(
        _ slots: ArraySlice<UInt32>, of source: UInt16, reason: DeletionReason
    ) {
        let writes = retractions(slots)
        var batch = StreamBatch()
        batch.flags = StreamBatch.own
        batch.reason = reason.rawValue
        batch.source = source
        batch.count = UInt32(slots.count)
        batch.writes = writes.written
        queue.append(batch, token: nil, topic: id)
    }

    /// A packed RETRACT of each of these records.
    func retractions(_ slots: ArraySlice<UInt32>) -> EntryWriter {
        var writes = EntryWriter()
        for slot in slots {
            let key = table.shape.key(table.record(slot))
            writes.reserve(1 + key.count)
            writes.integer(WriteOperation.retract.rawValue)
            writes.raw(key)
        }
        return writes
    }

    /// Cuts the open group.
    mutating func sealStream(time now: Int64) -> (entry: [UInt8]?, done: [Completion]) {
        lastTime = max(lastTime, now)
        let (entry, done) = queue.seal(time: lastTime)
        counters.entryBytes += UInt64(entry?.count ?? 0)
        return (entry, done.map { Completion(token: $0.token, lastOffset: newestOffset) })
    }

    /// The number that the next write of a session must have: all before it are applied.
    func nextNumber(_ session: UniqueID) -> UInt64 {
        sessions[session]?.next ?? 1
    }

    var newestOffset: Offset { Offset(table.changes.last) }

    /// The group's entry is applied: what each of its writers is told.
    func completions(_ outcomes: [BatchOutcome]) -> [Completion] {
        queue.takeApplied().map { ticket in
            guard ticket.batch >= 0 else {
                return Completion(token: ticket.token, lastOffset: newestOffset)
            }
            let outcome = outcomes[ticket.batch]
            return Completion(
                token: ticket.token, lastOffset: Offset(outcome.lastOffset),
                counts: outcome.counts, results: outcome.results, refusal: outcome.refusal)
        }
    }
}
