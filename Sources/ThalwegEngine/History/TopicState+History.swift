import ThalwegModel
import ThalwegWire

// What goes into the history: each change as it is made, with the row that it replaces.
extension TopicState {
    /// The oldest change that can be read one by one.
    var firstKept: UInt64 { history.first(next: table.changes.last + 1) }

    @inline(never) mutating func noteHistory(
        _ slot: UInt32, row: UnsafeRawBufferPointer, sources: UInt64, metadata index: Int
    ) {
        let record = table.record(slot)
        let previous = record.isLive ? table.shape.row(record) : nil
        var draft = HistoryDraft(
            kind: (previous == nil ? ChangeKind.created : .updated).rawValue,
            version: record.version + 1, time: appliedTime, changedFields: .max,
            before: record.lastChange, key: table.shape.key(record), row: row,
            previous: previous)
        if let previous, let layout {
            draft.changedFields = layout.changedFields(from: previous, to: row)
        }
        draft.source = author.rawValue
        draft.sources = table.sources.members(sources)
        draft.metadata = tail.metadata[index]
        history.append(draft, offset: table.changes.last + 1)
    }

    @inline(never) mutating func noteDeletion(_ slot: UInt32, reason: UInt8, metadata index: Int) {
        let record = table.record(slot)
        var draft = HistoryDraft(
            kind: ChangeKind.deleted.rawValue, reason: reason, version: record.version + 1,
            time: appliedTime, changedFields: .max, before: record.lastChange,
            key: table.shape.key(record), previous: table.shape.row(record))
        draft.source = author.rawValue
        draft.metadata = tail.metadata[index]
        history.append(draft, offset: table.changes.last + 1)
    }
}
