// Writes to a topic that keeps every one, applied in log order. Each accepted write is a change of
// its own: an ASSERT of the bytes that are there already too, because the event is what counts.
//
// Conditions are judged against the table as the writes before have left it; those of an atomic
// batch against the table before the batch. Everything is decided here, on every node alike.
import CThalwegShims
import ThalwegModel
import ThalwegWire

/// What a batch came to.
struct BatchOutcome {
    var lastOffset: UInt64 = 0
    var counts = VerdictCounts()
    var results: [WriteOutcome] = []
    /// The whole batch was refused.
    var refusal: ThalwegError?

    mutating func note(_ outcome: WriteOutcome, keepsEach: Bool) {
        counts.add(outcome.verdict)
        if keepsEach { results.append(outcome) }
    }

    /// Each of the batch's writes is told the same.
    mutating func refuse(_ batch: StreamBatch, _ refusal: WriteOutcome) {
        if batch.endsEpoch { self.refusal = Epoch.refused(refusal) }
        for _ in 0..<batch.count { note(refusal, keepsEach: batch.wantsEach) }
    }
}

extension TopicState {
    /// Applies the batches of an entry.
    ///
    /// - Returns: what each batch came to, in order.
    mutating func applyStream(
        _ reader: inout ByteReader, time: Int64
    ) throws(ThalwegError) -> [BatchOutcome] {
        lastTime = max(lastTime, time)
        // A leader has cut later groups already, whose time is not this entry's.
        appliedTime = max(appliedTime, time)
        beginTail(metadata: [:])
        let count = Int(try reader.integer(UInt32.self))
        var outcomes: [BatchOutcome] = []
        outcomes.reserveCapacity(min(count, 1 << 16))
        if let program = program?.running {
            try applyStream(&reader, count, through: program, &outcomes)
        } else {
            for number in 0..<count { outcomes.append(apply(try batch(&reader, number))) }
        }
        marking = nil
        counters.entries += 1
        endEntry()
        return outcomes
    }

    /// The next batch of an entry, its place known where this node queued it.
    func batch(_ reader: inout ByteReader, _ number: Int) throws(ThalwegError) -> StreamBatch {
        var batch = try StreamBatch(from: &reader)
        if queue.groupsInFlight > 0 { batch.place = queue.appliedBatches + 1 + UInt64(number) }
        return batch
    }

    private mutating func apply(_ batch: StreamBatch) -> BatchOutcome {
        guard batch.isNumbered else { return run(batch) }
        let judgement = sessions.begin(batch)
        if let known = answer(to: batch, judgement) { return known }
        let outcome = run(batch)
        finish(batch, outcome)
        return outcome
    }

    /// A new batch of a session was applied: what it will be told if it is sent again.
    mutating func finish(_ batch: StreamBatch, _ outcome: BatchOutcome) {
        sessions.finish(
            batch,
            SessionAnswer(
                number: batch.number, count: batch.count, lastOffset: outcome.lastOffset,
                counts: outcome.counts, results: outcome.results))
    }

    /// What a session's batch is told that is not applied; `nil` of a new one.
    func answer(to batch: StreamBatch, _ judgement: SessionTable.Judgement) -> BatchOutcome? {
        switch judgement {
        case .repeated(let answer):
            return BatchOutcome(
                lastOffset: answer.lastOffset, counts: answer.counts, results: answer.results)
        case .unknown:
            var outcome = BatchOutcome(lastOffset: table.changes.last)
            outcome.counts.invalid = batch.count
            outcome.refusal = ThalwegError(
                .unknownSession,
                "write \(batch.number) of session \(batch.session) does not follow what the topic "
                    + "knows of it",
                advice: "begin a new session: this one was forgotten, or left a number out")
            return outcome
        case .new:
            return nil
        }
    }

    /// Applies a batch past the program, if there is one.
    mutating func run(_ batch: StreamBatch) -> BatchOutcome {
        var outcome = BatchOutcome()
        act(for: batch)
        if batch.isAtomic, let code = judge(batch.writes, count: Int(batch.count)) {
            outcome.refuse(batch, WriteOutcome(.invalid, code: code))
        } else {
            runEach(batch, &outcome)
        }
        conclude(batch, &outcome)
        return outcome
    }

    /// Everything of the batch is applied.
    mutating func conclude(_ batch: StreamBatch, _ outcome: inout BatchOutcome) {
        outcome.lastOffset = table.changes.last
        counters.writes += UInt64(batch.count)
        counters.unchanged += UInt64(outcome.counts.unchanged)
        counters.invalid += UInt64(outcome.counts.invalid)
    }

    private mutating func runEach(_ batch: StreamBatch, _ outcome: inout BatchOutcome) {
        var cursor = WriteCursor(batch.writes, keyKind: table.shape.keyKind)
        let single = table.sources.single(batch.source)
        for _ in 0..<batch.count {
            guard cursor.next() else {
                // What is behind a malformed write means nothing.
                outcome.note(
                    WriteOutcome(.invalid, code: .invalidBatch), keepsEach: batch.wantsEach)
                continue
            }
            outcome.note(
                applyOne(cursor, batch, single: single, isJudged: batch.isAtomic),
                keepsEach: batch.wantsEach)
        }
    }

    mutating func applyOne(
        _ write: borrowing WriteCursor, _ batch: StreamBatch, single: UInt64, isJudged: Bool
    ) -> WriteOutcome {
        let hash = table.hash.hash(write.key)
        let slot = table.find(write.key, hash: hash)
        if !isJudged, write.hasExtras, let condition = write.condition,
            !newestState.holds(condition, slot: slot)
        {
            return WriteOutcome(.invalid, code: .conditionFailed)
        }
        if !isJudged, let code = flaw(write) { return WriteOutcome(.invalid, code: code) }
        switch write.operation {
        case .assert:
            noteMetadata(write)
            return put(write.key, slot: slot, hash: hash, row: write.body, single: single)
        case .patch:
            return patch(write, slot: slot, hash: hash, single: single)
        case .retract:
            return retract(write, batch, slot: slot, single: single)
        }
    }

    /// Why the write could not be one of this topic, whatever the record is.
    func flaw(_ write: borrowing WriteCursor) -> ErrorCode? {
        guard isValidKey(write.key) else { return .invalidKey }
        switch write.operation {
        case .assert:
            guard let layout else {
                return write.body.count > Limits.rowBytes ? .recordTooLarge : nil
            }
            return layout.check(write.body) == .invalid ? .invalidRow : nil
        case .patch:
            guard let layout else { return .notSupported }
            return layout.isValidPatch(mask: write.mask, values: write.body) ? nil : .invalidRow
        case .retract:
            return nil
        }
    }

    // MARK: The three writes

    /// Makes the record hold `row`, which was checked and may be of an older schema.
    mutating func put(
        _ key: UnsafeRawBufferPointer, slot: UInt32, hash: UInt64, row: UnsafeRawBufferPointer,
        single: UInt64
    ) -> WriteOutcome {
        guard let layout, !layout.isCurrent(row) else {
            return store(key, slot: slot, hash: hash, row: row, single: single)
        }
        let size = layout.upgradedSize(of: row)
        let upgraded = UnsafeMutableRawBufferPointer(start: rowScratch.take(size), count: size)
        layout.upgrade(row, into: upgraded)
        return store(
            key, slot: slot, hash: hash, row: UnsafeRawBufferPointer(upgraded), single: single)
    }

    private mutating func patch(
        _ write: borrowing WriteCursor, slot: UInt32, hash: UInt64, single: UInt64
    ) -> WriteOutcome {
        guard let layout else { preconditionFailure("a patch of opaque bytes is a flaw") }
        let old = slot != 0 && table.record(slot).isLive ? table.shape.row(table.record(slot)) : nil
        let target = patched(old, write, layout)
        noteMetadata(write)
        return store(write.key, slot: slot, hash: hash, row: target, single: single)
    }

    /// The row that a patch makes of `old`, or of the default where there is none; good until the
    /// scratch row is taken again.
    func patched(
        _ old: UnsafeRawBufferPointer?, _ write: borrowing WriteCursor, _ layout: RowLayout
    ) -> UnsafeRawBufferPointer {
        let mask = write.mask
        let values = write.body
        return withCurrent(old, layout) { current in
            let size = layout.sizeAfterPatch(current, mask: mask, values: values)
            let target = UnsafeMutableRawBufferPointer(start: rowScratch.take(size), count: size)
            layout.apply(patch: values, mask: mask, to: current, into: target)
            return UnsafeRawBufferPointer(target)
        }
    }

    private mutating func store(
        _ key: UnsafeRawBufferPointer, slot: UInt32, hash: UInt64, row: UnsafeRawBufferPointer,
        single: UInt64
    ) -> WriteOutcome {
        var slot = slot
        if slot == 0 {
            slot = table.insertProvisional(key, hash: hash, room: row.count)
        }
        let record = table.record(slot)
        let held = record.isLive ? sources(record) : SourceSets.empty
        touch(slot)
        let now = upsert(
            slot, row: row, sources: table.sources.insert(single, into: held),
            metadata: tail.changes)
        if let marking { marking.marks.insert(now) }
        return WriteOutcome(.accepted, at: table.record(now))
    }

    private mutating func retract(
        _ write: borrowing WriteCursor, _ batch: StreamBatch, slot: UInt32, single: UInt64
    ) -> WriteOutcome {
        guard slot != 0 else { return WriteOutcome(.unchanged) }
        let record = table.record(slot)
        let isOfAll = batch.isOwn && batch.source == 0
        guard record.isLive, isOfAll || table.sources.contains(single, in: sources(record))
        else { return WriteOutcome(.unchanged, at: record) }
        noteMetadata(write)
        let left = table.sources.remove(single, from: sources(record))
        let now: UInt32
        if isOfAll {
            now = delete(slot, reason: batch.reason, metadata: tail.changes)
        } else if left == SourceSets.empty {
            now = delete(slot, reason: batch.reasonOfDeletions, metadata: tail.changes)
        } else {
            // Others still assert it: who does is the change.
            let row = table.shape.row(record)
            let copy = rowScratch.take(row.count)
            if let start = row.baseAddress { copy.copyMemory(from: start, byteCount: row.count) }
            now = upsert(
                slot, row: UnsafeRawBufferPointer(start: copy, count: row.count), sources: left,
                metadata: tail.changes)
        }
        return WriteOutcome(.accepted, at: table.record(now))
    }

    /// The record was written to: its time to live begins again. Where another node leads, its clock
    /// says nothing here.
    private func touch(_ slot: UInt32) {
        guard table.shape.keyOffset != Record.headerSize else { return }
        let isOwn = queue.groupsInFlight > 0
        let tick = isOwn ? UInt32(truncatingIfNeeded: appliedTime >> TopicState.tickShift) : 0
        table.record(slot).address.storeBytes(
            of: tick, toByteOffset: Record.headerSize, as: UInt32.self)
    }

    private mutating func noteMetadata(_ write: borrowing WriteCursor) {
        guard write.hasExtras, notesMetadata, let metadata = write.metadata else { return }
        tail.metadata[tail.changes] = Array(metadata)
    }

    /// Of a change that a program makes: what it says, or else what came with the write.
    mutating func noteMetadata(_ said: UnsafeRawBufferPointer, of write: borrowing WriteCursor) {
        guard !said.isEmpty else { return noteMetadata(write) }
        if notesMetadata { tail.metadata[tail.changes] = Array(said) }
    }
}

extension WriteOutcome {
    init(_ verdict: Verdict, at record: Record) {
        self.init(
            verdict, offset: Offset(record.lastChange), version: RecordVersion(record.version))
    }
}

/// Memory for the row that is being made, used again by the next.
final class RowScratch {
    private var row: UnsafeMutableRawPointer?
    private var capacity = 0

    deinit {
        row?.deallocate()
    }

    /// At least `count` bytes, good until the next call.
    func take(_ count: Int) -> UnsafeMutableRawPointer {
        if let row, count <= capacity { return row }
        row?.deallocate()
        capacity = max(count, 2 * capacity, 256)
        let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 16)
        row = larger
        return larger
    }
}
