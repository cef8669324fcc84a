public import ThalwegModel

/// Streams the entries behind the snapshot, in order, for the state to be built from.
///
/// One thread. Read to the end before the log is started. Memory: one window of a segment (1 MiB,
/// or the largest entry).
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

    /// The next entry, nil after the last. Throws `logDamaged` or `storageFailed`.
    public func next() throws(ThalwegError) -> LogEntry? {
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
                return LogEntry(index: header.index, tag: header.tag, payload: Array(payload))
            }
        }
    }
}
