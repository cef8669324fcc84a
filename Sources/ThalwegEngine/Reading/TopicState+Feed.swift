// The walk that every reader takes: forward through the change index from its offset, each live
// entry judged once.
//
//   what the reader holds                  told of a live entry
//   exactly the state before the last      what the last entry did (`TailChanges`): created,
//   applied entry                          updated, deleted, entered, left; or nothing at all
//   anything else                          the newest state: created or updated; deleted; left
//
// In the second case a change may be told that the reader need not hear (a deletion of what it
// never held); never is one left out that it must.
import ThalwegFilter
import ThalwegModel
import ThalwegWire

extension TopicState {
    /// Index entries that one call looks at: a filter that matches little must not hold up writes.
    private static var stepsPerCall: Int { 1 << 16 }

    /// See `Partition.encodeChanges`; the position was checked.
    func encodeChanges(
        at position: inout FeedPosition, _ query: FeedQuery, limitBytes: Int,
        _ scratch: inout FeedScratch, into writer: inout ChangesWriter
    ) -> FeedProgress {
        let last = table.changes.last
        let isExact = tail.describes(behind: position.exactAt.rawValue, last: last)
        let emptyUntil = position.emptyUntil.rawValue
        let narrowed = layout.flatMap { $0.isNarrowed(by: query.fields) ? $0 : nil }
        let before = writer.count
        var steps = 0
        var reached = last
        table.walk(after: position.offset.rawValue) { offset, slot in
            guard steps < TopicState.stepsPerCall,
                writer.byteCount < limitBytes || writer.count == before
            else {
                reached = offset - 1
                return false
            }
            steps += 1
            let record = table.record(slot)
            guard record.isLast(offset) else { return true }
            let note = isExact ? tail.notes[Int(offset - tail.firstOffset)] : nil
            let kind =
                note.map { exactKind(record, $0, query) }
                ?? newestKind(record, offset, query, emptyUntil: emptyUntil)
            if let kind {
                append(
                    kind, record, note, query, narrowed: narrowed, &scratch, into: &writer)
            }
            return true
        }
        position.offset = Offset(reached)
        position.completeAt = max(position.completeAt, Offset(last))
        if position.offset == position.completeAt {
            position.exactAt = position.offset
            position.emptyUntil = .start
        }
        return FeedProgress(
            reached: position.offset, completeAt: position.completeAt, isAtTail: reached == last,
            count: writer.count - before)
    }

    // MARK: Judging

    /// What to tell of a change whose reader holds exactly the state before its entry.
    private func exactKind(
        _ record: Record, _ note: TailChanges.Note, _ query: FeedQuery
    ) -> ChangeKind? {
        let held = wasHeld(record, note, query.filter)
        guard record.isLive else { return held == false ? nil : .deleted }
        let matches: Bool
        if let filter = query.filter {
            // A change of fields that the filter does not read leaves its answer as it was.
            let isSettled = held == true && note.changedFields & filter.fieldsMask == 0
            matches = isSettled || self.matches(record, filter)
        } else {
            matches = true
        }
        switch (held, matches) {
        case (true, true):
            return layout == nil || note.changedFields & query.fields != 0 ? .updated : nil
        case (true, false): return .left
        case (false, true): return note.isCreated ? .created : .entered
        case (false, false): return nil
        // Who asserted the record before is not known.
        case (nil, true): return .updated
        case (nil, false): return .left
        }
    }

    /// Whether the reader holds the record since before its last change; `nil` where that cannot
    /// be known.
    private func wasHeld(
        _ record: Record, _ note: TailChanges.Note, _ filter: Filter?
    ) -> Bool? {
        if note.isCreated { return false }
        guard let filter else { return true }
        guard !filter.readsSources, note.previousStart >= 0 else { return nil }
        return tail.withPrevious(note) { row in
            filter.matches(
                row: row, key: table.shape.key(record),
                sources: UnsafeBufferPointer(start: nil, count: 0))
        }
    }

    /// What to tell of a record that has changed, perhaps many times, since the reader's state.
    private func newestKind(
        _ record: Record, _ offset: UInt64, _ query: FeedQuery, emptyUntil: UInt64
    ) -> ChangeKind? {
        // The reader began with nothing after this change: it has met the record nowhere else.
        let isFirstMeeting = offset <= emptyUntil
        guard record.isLive else { return isFirstMeeting ? nil : .deleted }
        let isNew = record.version == table.versionFloor + 1
        if let filter = query.filter, !matches(record, filter) {
            // A record of the first version has never been anything else.
            return isFirstMeeting || isNew ? nil : .left
        }
        return isNew ? .created : .updated
    }

    /// Whether a live record matches, as it is now.
    func matches(_ record: Record, _ filter: Filter) -> Bool {
        let key = table.shape.key(record)
        let row = table.shape.row(record)
        guard filter.readsSources else {
            return filter.matches(
                row: row, key: key, sources: UnsafeBufferPointer(start: nil, count: 0))
        }
        return table.sources.withMembers(sources(record)) {
            filter.matches(row: row, key: key, sources: $0)
        }
    }

    // MARK: Encoding

    private func append(
        _ kind: ChangeKind, _ record: Record, _ note: TailChanges.Note?, _ query: FeedQuery,
        narrowed: RowLayout?, _ scratch: inout FeedScratch, into writer: inout ChangesWriter
    ) {
        let row =
            kind.hasRow
            ? TopicState.project(table.shape.row(record), query.fields, narrowed, &scratch.row)
            : UnsafeRawBufferPointer.empty
        let reason = kind == .deleted ? DeletionReason(rawValue: record.reason) : nil
        // Of a record that came or went, all fields are what changed.
        let isPartial = kind == .updated || kind == .entered || kind == .left
        let changed = note.map { isPartial ? $0.changedFields & query.fields : .max } ?? .max
        let asserting = note.map(\.sources) ?? sources(record)
        func write(_ previous: UnsafeRawBufferPointer?, _ metadata: UnsafeRawBufferPointer?) {
            table.sources.withMembers(asserting) { members in
                writer.append(
                    kind, reason: reason, key: table.shape.key(record),
                    offset: Offset(record.lastChange), version: RecordVersion(record.version),
                    changedFields: changed, sources: members.lazy.map { SourceID($0) }, row: row,
                    previous: previous, metadata: metadata)
            }
        }
        guard let note else { return write(nil, nil) }
        tail.withMetadata(note) { metadata in
            guard query.includesPrevious, note.previousStart >= 0 else {
                return write(nil, metadata)
            }
            tail.withPrevious(note) { previous in
                write(
                    TopicState.project(previous, query.fields, narrowed, &scratch.previous),
                    metadata)
            }
        }
    }

    /// The row as the reader gets it: in place, or narrowed in `buffer`.
    static func project(
        _ row: UnsafeRawBufferPointer, _ fields: UInt64, _ layout: RowLayout?,
        _ buffer: inout [UInt8]
    ) -> UnsafeRawBufferPointer {
        guard let layout else { return row }
        FeedScratch.reserve(row.count, in: &buffer)
        return buffer.withUnsafeMutableBytes { target in
            let count = layout.project(row, fields: fields, into: target)
            // Safe: the buffer's memory stays where it is until it is next written to, which is
            // after the change was encoded.
            return UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(target)[..<count])
        }
    }
}
