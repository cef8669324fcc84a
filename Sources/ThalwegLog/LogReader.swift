public import ThalwegModel

/// Streams the entries behind the snapshot, in order, for the state to be built from.
///
/// One thread. Read to the end before the log is started. Memory: one window of a segment (4 MiB,
/// or four times the largest entry).
public final class LogReader {
    /// The first and last index that it gives; empty if `first > last`.
    public let firstIndex: UInt64
    public let lastIndex: UInt64
    private let storage: any Storage
    private var segments: ArraySlice<RecoveryPlan.Segment>
    private var cursor: RecordCursor?
    /// The index the cursor stands at.
    private var nextIndex: UInt64 = 0

    init(
        storage: any Storage, segments: [RecoveryPlan.Segment], firstIndex: UInt64,
        lastIndex: UInt64
    ) {
        self.storage = storage
        self.segments = segments[...]
        self.firstIndex = firstIndex
        self.lastIndex = lastIndex
    }

    /// An entry where it was read; lent until the next call or the reader's end.
    public struct LentEntry {
        public let index: UInt64
        public let tag: UInt32
        public let payload: UnsafeRawBufferPointer
        let term: UInt64
        let kind: LogEntry.Kind
    }

    /// The next entry, nil after the last. Throws `logDamaged` or `storageFailed`.
    public func next() throws(ThalwegError) -> LogEntry? {
        try nextLent().map {
            LogEntry(
                index: $0.index, tag: $0.tag, payload: Array($0.payload), term: $0.term,
                kind: $0.kind)
        }
    }

    /// As `next`, without a copy.
    public func nextLent() throws(ThalwegError) -> LentEntry? {
        while true {
            guard let cursor else {
                guard firstIndex <= lastIndex, let segment = segments.popFirst() else { return nil }
                cursor = try RecordCursor.open(storage, segment.name).0
                nextIndex = segment.firstIndex
                continue
            }
            if nextIndex > lastIndex { return nil }
            if let following = segments.first, nextIndex == following.firstIndex {
                self.cursor = nil
                continue
            }
            let offset = cursor.offset
            guard case .entry(let header, let payload) = try cursor.next(expecting: nextIndex)
            else {
                throw .damaged(cursor.name, at: offset, "entry \(nextIndex) was here at opening")
            }
            nextIndex += 1
            if header.index >= firstIndex {
                return LentEntry(
                    index: header.index, tag: header.tag, payload: payload, term: header.term,
                    kind: RecordKind(rawValue: header.kind)?.entry ?? .command)
            }
        }
    }
}
