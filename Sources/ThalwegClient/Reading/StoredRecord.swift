/// A record as a read found it.
public struct StoredRecord: Hashable, Sendable {
    public let key: Key
    /// Goes on counting over a deletion while the tombstone is kept.
    public let version: RecordVersion
    /// Of its last change.
    public let offset: Offset
    /// Who asserts it.
    public let sources: [SourceID]
    public let row: [UInt8]
}

/// The answer to a read of several records.
public struct StoredRecords: Sendable {
    /// The offset at which it was true.
    public let applied: Offset
    /// One for each key asked for, in that order; `nil` where there is no live record.
    public let records: [StoredRecord?]
}

/// One page of a scan.
public struct ScanPage: Sendable {
    /// The offset at which it was true.
    public let applied: Offset
    public let records: [StoredRecord]
    /// What the next page's request brings along; empty at the end.
    public let nextToken: [UInt8]
}

extension StoredRecord {
    init(_ lent: LentRecord, _ kind: KeyKind) throws(ThalwegError) {
        var reader = ByteReader(lent.key)
        key = try Key(kind, from: &reader)
        version = lent.version
        offset = lent.offset
        sources = Array(lent.sources)
        row = Array(lent.row)
    }

    /// The live records of an answer; `nil` in place of the others.
    static func all(
        _ cursor: inout RecordCursor,
        _ kind: KeyKind
    ) throws(ThalwegError) -> [StoredRecord?] {
        var records: [StoredRecord?] = []
        records.reserveCapacity(cursor.count)
        while let lent = try cursor.next() {
            records.append(lent.presence == .live ? try StoredRecord(lent, kind) : nil)
        }
        return records
    }
}
