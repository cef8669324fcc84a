/// One change of a record, as its reader sees it.
public struct Change: Hashable, Sendable {
    public let kind: ChangeKind
    /// Why it was deleted; `nil` unless it was.
    public let reason: DeletionReason?
    public let key: Key
    public let offset: Offset
    public let version: RecordVersion
    /// Bit n: field n changed.
    public let changedFields: UInt64
    public let sources: [SourceID]
    /// What the record holds now; `nil` for `deleted` and `left`.
    public let row: [UInt8]?
    /// What it held before, if the subscription asked for that and there was something.
    public let previous: [UInt8]?
    public let metadata: [UInt8]?
    /// When it was committed and who wrote it, for changes of the history.
    public let origin: ChangeOrigin?

    init(_ lent: LentChange, _ keyKind: KeyKind) throws(ThalwegError) {
        var reader = ByteReader(lent.key)
        kind = lent.kind
        reason = lent.reason
        key = try Key(keyKind, from: &reader)
        offset = lent.offset
        version = lent.version
        changedFields = lent.changedFields
        sources = Array(lent.sources)
        row = lent.kind.hasRow ? Array(lent.row) : nil
        previous = lent.previous.map { Array($0) }
        metadata = lent.metadata.map { Array($0) }
        origin = lent.origin
    }
}

/// What a subscription brings at once. Its changes stay packed until they are asked for.
public struct Delivery: Sendable {
    /// A reader that has this delivery resumes behind this offset.
    public let resumeOffset: Offset
    /// With everything up to here the reader holds a state of the topic. Before, where it is not
    /// ``isCaughtUp``, it holds some records newer than others.
    public let completeAt: Offset
    /// The reader now holds the topic's tail: its bootstrap or resume is complete.
    public let isCaughtUp: Bool
    /// Forget what you hold, then apply this delivery: the subscription had to start over.
    public let isReset: Bool
    /// Changes in it; may be none.
    public let count: Int
    let keyKind: KeyKind
    let payload: [UInt8]

    init(_ payload: [UInt8], keyKind: KeyKind, isReset: Bool) throws(ThalwegError) {
        let cursor = try payload.lend { bytes throws(ThalwegError) in
            try ChangeCursor(bytes, kind: keyKind)
        }
        resumeOffset = cursor.resume
        completeAt = cursor.completeAt
        isCaughtUp = cursor.flags.contains(.caughtUp)
        self.isReset = isReset
        count = cursor.count
        self.keyKind = keyKind
        self.payload = payload
    }

    /// The changes in offset order. Throws `invalid_frame` where the server sent something else.
    public func changes() throws(ThalwegError) -> [Change] {
        var changes: [Change] = []
        changes.reserveCapacity(count)
        try forEachChange { lent throws(ThalwegError) in
            changes.append(try Change(lent, keyKind))
        }
        return changes
    }

    /// Lends each change to `body` without copying it. It must not be kept.
    public func forEachChange(
        _ body: (LentChange) throws(ThalwegError) -> Void
    ) throws(ThalwegError) {
        try payload.lend { bytes throws(ThalwegError) in
            var cursor = try ChangeCursor(bytes, kind: keyKind)
            while let lent = try cursor.next() { try body(lent) }
        }
    }
}
