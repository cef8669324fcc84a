public import ThalwegModel

/// One change of a delivery, where it lies. Lent.
public struct LentChange {
    public let kind: ChangeKind
    /// Why it was deleted; `nil` unless it was.
    public let reason: DeletionReason?
    /// Encoded.
    public let key: UnsafeRawBufferPointer
    public let offset: Offset
    public let version: RecordVersion
    /// Bit n: field n changed.
    public let changedFields: UInt64
    public let sources: SourceList
    /// Empty for `deleted` and `left`.
    public let row: UnsafeRawBufferPointer
    public let previous: UnsafeRawBufferPointer?
    public let metadata: UnsafeRawBufferPointer?
    /// Told of changes of the history, one by one.
    public let origin: ChangeOrigin?
}

/// Walks the changes of a `changes` payload where they lie.
public struct ChangeCursor {
    private var reader: ByteReader
    private let kind: KeyKind
    public let topic: TopicID
    public let flags: ChangesFlags
    /// Where a reader who has this delivery resumes.
    public let resume: Offset
    /// A reader holds a state of the topic when it has everything up to here; before, it holds some
    /// records older than others. Who resumes elsewhere names it as *not before*.
    public let completeAt: Offset
    /// Changes in the whole delivery.
    public let count: Int
    private var given = 0

    /// The topic, to find the key kind before the walk.
    public static func topic(of payload: UnsafeRawBufferPointer) throws(ThalwegError) -> TopicID {
        var reader = ByteReader(payload)
        return TopicID(try reader.integer())
    }

    public init(_ payload: UnsafeRawBufferPointer, kind: KeyKind) throws(ThalwegError) {
        reader = ByteReader(payload)
        self.kind = kind
        topic = TopicID(try reader.integer())
        flags = ChangesFlags(rawValue: try reader.integer())
        guard flags.rawValue & ~3 == 0 else {
            throw ThalwegError(.invalidFrame, "reserved flags of a delivery are set")
        }
        resume = Offset(try reader.integer())
        completeAt = Offset(try reader.integer())
        guard flags.contains(.caughtUp) ? resume == completeAt : resume <= completeAt else {
            throw ThalwegError(
                .invalidFrame,
                "a delivery up to offset \(resume) is not complete at \(completeAt)"
            )
        }
        // The smallest change has a string key of no bytes.
        count = try reader.count(ofAtLeast: 34, "changes")
    }

    /// The next change, or `nil` behind the last. Throws where the bytes are not `count` changes.
    public mutating func next() throws(ThalwegError) -> LentChange? {
        guard given < count else {
            try reader.finish()
            return nil
        }
        given += 1
        let kind = try reader.choice(ChangeKind.self, "change kind")
        let reasonNumber = try reader.integer(UInt8.self)
        let reason = DeletionReason(rawValue: reasonNumber)
        let flags = try reader.integer(UInt8.self)
        guard reasonNumber == 0 || reason != nil && kind == .deleted, flags & ~7 == 0 else {
            throw ThalwegError(
                .invalidFrame,
                "reason \(reasonNumber) or flags \(flags) of a change are unknown"
            )
        }
        let change = LentChange(
            kind: kind,
            reason: reason,
            key: try reader.encodedKey(self.kind),
            offset: Offset(try reader.integer()),
            version: RecordVersion(try reader.integer()),
            changedFields: try reader.integer(),
            sources: try reader.sourceList(),
            row: try reader.lentBytes(),
            previous: flags & 1 != 0 ? try reader.lentBytes() : nil,
            metadata: flags & 2 != 0 ? try reader.lentBytes() : nil,
            origin: flags & 4 != 0 ? try ChangeOrigin(from: &reader) : nil
        )
        guard kind.hasRow || change.row.isEmpty else {
            throw ThalwegError(.invalidFrame, "a change of kind \(kind) has a row")
        }
        return change
    }
}

extension ChangeOrigin {
    init(from reader: inout ByteReader) throws(ThalwegError) {
        time = Timestamp(microseconds: try reader.integer())
        source = SourceID(try reader.integer())
    }
}
