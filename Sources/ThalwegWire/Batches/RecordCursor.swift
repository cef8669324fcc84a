public import ThalwegModel

/// One record of an answer, where it lies. Lent.
public struct LentRecord {
    public let presence: RecordPresence
    /// Encoded; empty where the record is absent.
    public let key: UnsafeRawBufferPointer
    public let version: RecordVersion
    public let offset: Offset
    public let sources: SourceList
    /// Empty where the record is absent or deleted.
    public let row: UnsafeRawBufferPointer
}

/// Walks the records of a `records` or `scanPage` payload where they lie.
public struct RecordCursor {
    private var reader: ByteReader
    private let kind: KeyKind
    /// The offset at which the answer was true.
    public let applied: Offset
    /// What continues a scan; empty where it is complete, and in `records`.
    public let nextToken: [UInt8]
    /// Records in the whole answer.
    public let count: Int
    private var given = 0

    public init(records payload: UnsafeRawBufferPointer, kind: KeyKind) throws(ThalwegError) {
        try self.init(payload, kind, isPage: false)
    }

    public init(scanPage payload: UnsafeRawBufferPointer, kind: KeyKind) throws(ThalwegError) {
        try self.init(payload, kind, isPage: true)
    }

    private init(
        _ payload: UnsafeRawBufferPointer,
        _ kind: KeyKind,
        isPage: Bool
    ) throws(ThalwegError) {
        reader = ByteReader(payload)
        self.kind = kind
        applied = Offset(try reader.integer())
        nextToken = isPage ? try reader.byteArray() : []
        count = try reader.count(ofAtLeast: 1, "records")
    }

    /// The next record, or `nil` behind the last. Throws where the bytes are not `count` records.
    public mutating func next() throws(ThalwegError) -> LentRecord? {
        guard given < count else {
            try reader.finish()
            return nil
        }
        given += 1
        let presence = try reader.choice(RecordPresence.self, "record presence")
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        if presence == .absent {
            return LentRecord(
                presence: presence,
                key: nothing,
                version: RecordVersion(0),
                offset: .start,
                sources: SourceList(bytes: nothing),
                row: nothing
            )
        }
        let record = LentRecord(
            presence: presence,
            key: try reader.encodedKey(kind),
            version: RecordVersion(try reader.integer()),
            offset: Offset(try reader.integer()),
            sources: try reader.sourceList(),
            row: try reader.lentBytes()
        )
        guard presence == .live || record.row.isEmpty else {
            throw ThalwegError(.invalidFrame, "a deleted record has a row")
        }
        return record
    }
}
