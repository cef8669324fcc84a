import ThalwegModel

/// What the last applied entry did, change by change: which fields differ, the row before, and
/// the metadata. A reader at the tail is told these; one that lags gets the newest state instead.
struct TailChanges {
    /// Somebody is at the tail: worth noting.
    var isWanted = false
    var wantsPrevious = false
    /// Offset of the first change noted.
    var firstOffset: UInt64 = 0
    /// Changes that the entry has made so far.
    var changes = 0
    /// One for each change, in offset order.
    var notes: [Note] = []
    /// By position in the entry.
    var metadata: [Int: [UInt8]] = [:]
    /// Rows before the changes, one behind the other.
    var previousRows: [UInt8] = []

    struct Note {
        var isCreated: Bool
        var changedFields: UInt64
        /// Who asserts the record since: at hand here, while a window that holds the record keeps
        /// it elsewhere.
        var sources: UInt64
        var metadataIndex: Int
        /// Bytes in `previousRows`; -1: not kept.
        var previousStart: Int
        var previousCount: Int
    }

    /// Whether the notes are of the entry right behind `offset`, and of all changes since.
    func describes(behind offset: UInt64, last: UInt64) -> Bool {
        isWanted && firstOffset > 0 && offset + 1 >= firstOffset
            && firstOffset + UInt64(notes.count) == last + 1
    }

    /// Lends the row before a change whose note has one.
    func withPrevious<Result>(
        _ note: Note, _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        previousRows.withUnsafeBytes { rows in
            let end = note.previousStart + note.previousCount
            return body(UnsafeRawBufferPointer(rebasing: rows[note.previousStart..<end]))
        }
    }

    /// Lends the metadata that came with a change, if there was some.
    func withMetadata(_ note: Note, _ body: (UnsafeRawBufferPointer?) -> Void) {
        guard !metadata.isEmpty, let bytes = metadata[note.metadataIndex] else {
            return body(nil)
        }
        bytes.withUnsafeBytes { body($0) }
    }

    /// Nobody is at the tail any more.
    mutating func forget() {
        firstOffset = 0
        notes = []
        metadata = [:]
        previousRows = []
    }
}

extension TopicState {
    /// Metadata that comes with changes is for readers at the tail and for the history.
    var notesMetadata: Bool { tail.isWanted || keepsHistory }

    mutating func beginTail(metadata: [Int: [UInt8]]) {
        tail.changes = 0
        tail.metadata = notesMetadata ? metadata : [:]
        guard tail.isWanted else { return }
        tail.firstOffset = table.changes.last + 1
        tail.notes.removeAll(keepingCapacity: true)
        tail.previousRows.removeAll(keepingCapacity: true)
    }

    /// Notes a change about to be made to the record in `slot`.
    mutating func noteTail(
        _ slot: UInt32, row: UnsafeRawBufferPointer, sources: UInt64, isDelete: Bool,
        metadata index: Int
    ) {
        let record = table.record(slot)
        var note = TailChanges.Note(
            isCreated: !record.isLive, changedFields: .max, sources: sources,
            metadataIndex: index, previousStart: -1, previousCount: 0)
        if record.isLive {
            let old = table.shape.row(record)
            if isDelete {
                note.changedFields = 0
            } else if let layout {
                note.changedFields = layout.changedFields(from: old, to: row)
            }
            if tail.wantsPrevious, record.lastChange < tail.firstOffset {
                note.previousStart = tail.previousRows.count
                note.previousCount = old.count
                tail.previousRows.append(contentsOf: old)
            }
        }
        if record.lastChange >= tail.firstOffset {
            // Not the entry's first change of the record: readers hold what was before that one.
            let earlier = tail.notes[Int(record.lastChange - tail.firstOffset)]
            note.isCreated = earlier.isCreated
            note.changedFields |= earlier.changedFields
            note.previousStart = earlier.previousStart
            note.previousCount = earlier.previousCount
        }
        tail.notes.append(note)
    }
}
