public import ThalwegFilter
public import ThalwegModel
public import ThalwegWire

/// One page of a scan, as it is asked for.
public struct ScanQuery: Sendable {
    /// Records that a page in order of key has at most: it is kept in memory while all are seen.
    public static let keyPageRecords = 65_536

    public var order: ScanOrder
    /// `nil` where every record is wanted.
    public var filter: Filter?
    /// Records wanted; 0 for as many as fit.
    public var limit: Int
    /// What the page before gave; empty for the first.
    public var token: [UInt8]
    /// Of payload; one record may pass it, and there is at least one.
    public var limitBytes: Int

    public init(
        order: ScanOrder = .change, filter: Filter? = nil, limit: Int = 0, token: [UInt8] = [],
        limitBytes: Int = 1 << 20
    ) {
        self.order = order
        self.filter = filter
        self.limit = limit
        self.token = token
        self.limitBytes = limitBytes
    }

    /// Where a page in order of change goes on, as the token of the page before says: only a node that
    /// has applied as much has such a page.
    ///
    /// - Throws: `invalid_frame` where it is no such token.
    public static func place(ofToken token: [UInt8]) throws(ThalwegError) -> Offset {
        guard !token.isEmpty else { return .start }
        guard token.count == 8 else { throw strangeToken(token) }
        return Offset(token.reversed().reduce(0) { $0 << 8 | UInt64($1) })
    }

    static func strangeToken(_ token: [UInt8]) -> ThalwegError {
        ThalwegError(
            .invalidFrame, "\(token.count) bytes are not a token of this scan",
            advice: "send back what the last page gave, with the same order")
    }
}

extension Partition {
    /// Encodes one page of live records that match, true at the topic's newest offset, which is
    /// the page's `applied`.
    ///
    /// In order of change, a record that changes between pages comes (again) on a later one, so
    /// the last page read leaves nothing out. In order of key, each key comes once. A page may have
    /// fewer records than asked for, even none, and go on.
    ///
    /// Complexity: by change, what is walked, at most 65,536 index entries; by key, all records.
    ///
    /// - Returns: the next page's token; empty where there is no next page.
    /// - Throws: `unknown_topic`; `invalid_frame` where the token is not one of such a scan; `too_old`
    ///   where it is of offsets that the topic does not have.
    public func scan(
        _ topic: TopicID, _ query: ScanQuery, into writer: inout RecordsWriter
    ) throws(ThalwegError) -> [UInt8] {
        let box = try required(topic)
        writer.begin(applied: Offset(box.state.table.changes.last))
        switch query.order {
        case .change: return try box.state.scanByChange(query, into: &writer)
        case .key: return try box.state.scanByKey(query, into: &writer)
        }
    }

    /// How many live records match, and the offset at which that is so.
    ///
    /// Complexity: constant without a filter, else all records.
    ///
    /// - Throws: `unknown_topic`.
    public func count(
        _ topic: TopicID, filter: Filter?
    ) throws(ThalwegError) -> (applied: Offset, count: Int) {
        let box = try required(topic)
        let applied = Offset(box.state.table.changes.last)
        guard let filter else { return (applied, box.state.table.liveRecords) }
        return (applied, box.state.count(filter))
    }
}
