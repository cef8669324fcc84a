import ThalwegFilter
import ThalwegModel
import ThalwegWire

// Readers who are told each change: a walk over the history instead of the change index, with the
// same position and the same bounds.
extension TopicState {
    /// Changes that one call looks at.
    private static var stepsPerCall: Int { 1 << 16 }

    /// See `Partition.encodeChanges`; the position was checked.
    func encodeHistory(
        at position: inout FeedPosition, _ query: FeedQuery, limitBytes: Int,
        _ scratch: inout FeedScratch, into writer: inout ChangesWriter
    ) throws(ThalwegError) -> FeedProgress {
        let last = table.changes.last
        let narrowed = layout.flatMap { $0.isNarrowed(by: query.fields) ? $0 : nil }
        let before = writer.count
        var steps = 0
        var reached = last
        try history.walk(after: position.offset.rawValue) { change in
            guard steps < TopicState.stepsPerCall,
                writer.byteCount < limitBytes || writer.count == before
            else {
                reached = change.offset - 1
                return false
            }
            steps += 1
            if let kind = kind(of: change, query, isNarrowed: narrowed != nil) {
                append(change, as: kind, query, narrowed, &scratch, into: &writer)
            }
            return true
        }
        // None is left out: at each offset the reader holds the topic's state there.
        position = .tail(Offset(reached), notBefore: position.completeAt)
        return FeedProgress(
            reached: position.offset, completeAt: position.completeAt, isAtTail: reached == last,
            count: writer.count - before)
    }

    /// What a change is to a reader with this query; `nil` where it does not concern it.
    func kind(
        of change: HistoryChange, _ query: FeedQuery, isNarrowed: Bool
    ) -> ChangeKind? {
        let isTouched = !isNarrowed || change.changedFields & query.fields != 0
        guard let filter = query.filter else {
            return change.kind == .updated && !isTouched ? nil : change.kind
        }
        let now = change.kind != .deleted && matches(change.row, change, filter)
        let before = change.previous.map { matches($0, change, filter) } ?? false
        switch (before, now) {
        case (true, true): return isTouched ? .updated : nil
        case (true, false): return change.kind == .deleted ? .deleted : .left
        case (false, true): return change.kind == .created ? .created : .entered
        case (false, false): return nil
        }
    }

    private func matches(
        _ row: UnsafeRawBufferPointer, _ change: HistoryChange, _ filter: Filter
    ) -> Bool {
        filter.matches(row: row, key: change.key, sources: change.sources)
    }

    func append(
        _ change: HistoryChange, as kind: ChangeKind, _ query: FeedQuery, _ narrowed: RowLayout?,
        _ scratch: inout FeedScratch, into writer: inout ChangesWriter
    ) {
        let row =
            kind.hasRow
            ? TopicState.project(change.row, query.fields, narrowed, &scratch.row)
            : UnsafeRawBufferPointer.empty
        let previous =
            query.includesPrevious
            ? change.previous.map {
                TopicState.project($0, query.fields, narrowed, &scratch.previous)
            } : nil
        writer.append(
            kind, reason: kind == .deleted ? change.reason : nil, key: change.key,
            offset: Offset(change.offset), version: RecordVersion(change.version),
            changedFields: change.changedFields == .max
                ? .max : change.changedFields & query.fields,
            sources: change.sources.lazy.map { SourceID($0) }, row: row, previous: previous,
            metadata: change.metadata,
            origin: ChangeOrigin(
                time: Timestamp(microseconds: change.time), source: SourceID(change.source)))
    }
}
