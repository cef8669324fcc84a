public import ThalwegModel
public import ThalwegWire

/// Which changes of a topic's history are wanted.
public struct HistoryQuery: Sendable {
    /// Changes behind the first offset, up to and with the second.
    public var after: Offset
    public var until: Offset
    /// Changes wanted; 0 for as many as fit.
    public var limit: Int
    /// One key, encoded; empty for all.
    public var key: [UInt8]
    /// Filter, fields, and whether rows before changes are told.
    public var feed: FeedQuery
    /// Of payload; one change may pass it, and there is at least one.
    public var limitBytes: Int

    public init(
        after: Offset, until: Offset, limit: Int = 0, key: [UInt8] = [],
        feed: FeedQuery = FeedQuery(), limitBytes: Int = 1 << 20
    ) {
        self.after = after
        self.until = until
        self.limit = limit
        self.key = key
        self.feed = feed
        self.limitBytes = limitBytes
    }
}

/// How far a read of the history came.
public struct HistoryProgress: Hashable, Sendable {
    /// Everything up to here is told: the next page begins behind it.
    public let reached: Offset
    /// There is no next page.
    public let isComplete: Bool
}

extension Partition {
    /// The offset behind which a place in the topic's history lies: the state there is the one that
    /// this offset's change left.
    ///
    /// - Throws: `unknown_topic`, `no_history`; `too_old` where what changed since is not all kept;
    ///   `not_yet` for an offset that is not there yet; `log_damaged`, as all reads of a history,
    ///   where what is stored of it is not what was written.
    public func offset(
        of point: HistoryPoint, in topic: TopicID
    ) throws(ThalwegError) -> Offset {
        let state = try required(topic)
        guard state.state.keepsHistory else { throw Partition.noHistory }
        let last = state.state.table.changes.last
        let first = state.state.firstKept
        switch point {
        case .earliest:
            return Offset(first - 1)
        case .newest:
            return Offset(last)
        case .offset(let offset):
            guard offset.rawValue <= last else {
                throw ThalwegError(
                    .notYet, "offset \(offset) is beyond the topic's newest, \(last)",
                    advice: "ask for one that is there", limit: last, value: offset.rawValue)
            }
            guard offset.rawValue + 1 >= first else { throw tooOld(first, offset.rawValue) }
            return offset
        case .time(let time):
            let offset = try state.state.history.offset(at: time.microseconds, next: last + 1)
            // Before the oldest change that is kept, nobody knows when the one before it was.
            guard offset >= first || first == 1 else { throw tooOld(first, offset) }
            return Offset(offset)
        }
    }

    private func tooOld(_ first: UInt64, _ value: UInt64) -> ThalwegError {
        ThalwegError(
            .tooOld, "changes are kept from offset \(first) on",
            advice: "ask for offset \(first - 1) or later", limit: first - 1, value: value)
    }

    /// Encodes changes of the history, in order.
    ///
    /// Complexity: what is walked, at most 65,536 changes.
    ///
    /// - Parameter writer: `begin` was called.
    /// - Throws: `unknown_topic`, `no_history`, `too_old`, `invalid_key`.
    public func history(
        _ topic: TopicID, _ query: HistoryQuery, into writer: inout ChangesWriter
    ) throws(ThalwegError) -> HistoryProgress {
        let box = try required(topic)
        _ = try offset(of: .offset(query.after), in: topic)
        let isKey =
            query.key.isEmpty
            || query.key.withUnsafeBytes { KeyOrder.isKey($0, box.state.table.shape.keyKind) }
        guard isKey else {
            throw ThalwegError(.invalidKey, "\(query.key.count) bytes are not one of its keys")
        }
        var scratch = FeedScratch()
        swap(&scratch, &feedScratch)
        defer { swap(&scratch, &feedScratch) }
        return try box.state.encodePast(query, &scratch, into: &writer)
    }

    /// Encodes the net change of each key behind one offset up to another, in order of last change:
    /// with the row before and, unless it is gone, the row after. What is as it was is not told.
    ///
    /// Complexity: what is walked, at most 16,384 changes. Pages can be put together: a key's rows
    /// before are those of its first page, its rows after those of its last.
    ///
    /// - Throws: `unknown_topic`, `no_history`, `too_old`.
    public func difference(
        _ topic: TopicID, _ query: HistoryQuery, into writer: inout ChangesWriter
    ) throws(ThalwegError) -> HistoryProgress {
        let box = try required(topic)
        _ = try offset(of: .offset(query.after), in: topic)
        var scratch = FeedScratch()
        swap(&scratch, &feedScratch)
        defer { swap(&scratch, &feedScratch) }
        return try box.state.encodeDifference(query, &scratch, into: &writer)
    }

    /// Encodes the record of a key as it was behind an offset, or that there was none.
    ///
    /// Complexity: the changes of the record since.
    ///
    /// - Throws: `unknown_topic`, `no_history`, `too_old`.
    public func encodeRecord(
        _ topic: TopicID, at point: Offset, key: UnsafeRawBufferPointer,
        into writer: inout RecordsWriter
    ) throws(ThalwegError) {
        let box = try required(topic)
        _ = try offset(of: .offset(point), in: topic)
        try box.state.encodeRecord(key, at: point.rawValue, into: &writer)
    }

    /// Encodes a page of the records that matched behind an offset. By change, they come in no order
    /// that means anything, and a record that changes between two pages may come again, as it was at
    /// the same offset; by key, each comes once.
    ///
    /// Complexity: by change, what is walked, at most 65,536 index entries and changes; by key, all
    /// records, and so many changes, or those of one record since.
    ///
    /// - Returns: the next page's token; empty where there is no next page.
    /// - Throws: `unknown_topic`, `no_history`, `too_old`; `invalid_frame` for a token that is not
    ///   one of such a read.
    public func scan(
        _ topic: TopicID, at point: Offset, _ query: ScanQuery, into writer: inout RecordsWriter
    ) throws(ThalwegError) -> [UInt8] {
        let box = try required(topic)
        _ = try offset(of: .offset(point), in: topic)
        switch query.order {
        case .change: return try box.state.scanPast(query, at: point.rawValue, into: &writer)
        case .key: return try box.state.scanPastByKey(query, at: point.rawValue, into: &writer)
        }
    }
}
