import Testing
import ThalwegFilter
import ThalwegModel
import ThalwegWire

@testable import ThalwegEngine

/// A record as a reader folds it, and as the table has it: field by field, so that rows of older
/// schemas compare equal to what they mean.
struct FoldedRecord: Equatable {
    var values: [Value]
    var bytes: [UInt8]?

    /// Only the wanted fields, the others by default; fields that were appended since as well.
    init(_ row: [UInt8], _ layout: RowLayout?, fields: UInt64) {
        guard let layout else {
            values = []
            bytes = row
            return
        }
        values = layout.decode(row)
        for (number, field) in layout.schema.fields.enumerated()
        where fields & (1 << UInt64(number)) == 0 {
            values[number] = field.type.defaultValue
        }
    }
}

/// One subscriber of the random life: what it asked for, where it stands, what it holds.
struct FoldingReader {
    let query: FeedQuery
    let isOnFollower: Bool
    /// Steps after every entry, as readers at the tail do.
    let isLive: Bool
    var position: FeedPosition
    var fold: [[UInt8]: FoldedRecord] = [:]
    /// What it holds at the offset that its last delivery said to resume from.
    var resumeOffset = Offset.start
    /// A state to come back to, as after a lost connection.
    var saved: (resume: Offset, fold: [[UInt8]: FoldedRecord]) = (.start, [:])
    var deliveries = 0

    var isComparable: Bool { query.filter?.readsSources != true }
}

/// A delivery's changes, copied.
struct FoldedChange {
    let kind: ChangeKind
    let key: [UInt8]
    let offset: UInt64
    let version: UInt64
    let changedFields: UInt64
    let sources: [UInt16]
    let row: [UInt8]
    let previous: [UInt8]?

    init(_ lent: LentChange) {
        kind = lent.kind
        key = Array(lent.key)
        offset = lent.offset.rawValue
        version = lent.version.rawValue
        changedFields = lent.changedFields
        sources = lent.sources.map(\.rawValue)
        row = Array(lent.row)
        previous = lent.previous.map { Array($0) }
    }

    static func all(
        _ payload: UnsafeRawBufferPointer, _ kind: KeyKind
    ) throws -> (resume: Offset, changes: [FoldedChange]) {
        var cursor = try ChangeCursor(payload, kind: kind)
        var changes: [FoldedChange] = []
        while let lent = try cursor.next() { changes.append(FoldedChange(lent)) }
        return (cursor.resume, changes)
    }
}
