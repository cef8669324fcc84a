/// Changes of a topic's history, one page of them.
public struct HistoryPage: Sendable {
    public let changes: [Change]
    /// Everything up to here is told: the next page begins behind it.
    public let reached: Offset
    /// There is no next page.
    public let isComplete: Bool

    init(_ payload: [UInt8], _ kind: KeyKind) throws(ThalwegError) {
        let delivery = try Delivery(payload, keyKind: kind, isReset: false)
        changes = try delivery.changes()
        reached = delivery.resumeOffset
        isComplete = delivery.isCaughtUp
    }
}

extension ThalwegClient {
    /// A page of the changes between two places of a topic's history, in order.
    ///
    /// With `key` and `fields` it says who changed a field of a record, and when: each change has
    /// its ``Change/origin``.
    ///
    /// - Parameters:
    ///   - fields: bit n: field n is wanted; updates of others only are left out.
    ///   - limit: changes wanted at most; a page may have fewer, even none, and go on.
    ///   - notBefore: the node answers when it has this offset; see ``get(_:_:notBefore:)``.
    /// - Throws: `no_history` where the topic keeps none, `too_old` where it begins later.
    public func history(
        _ topic: Topic, after: HistoryPoint = .earliest, until: HistoryPoint = .newest,
        key: Key? = nil, filter: String = "", fields: UInt64 = .max, limit: Int = 1_000,
        includePrevious: Bool = false, notBefore: Offset = .start
    ) async throws(ThalwegError) -> HistoryPage {
        let known = try await resolve(topic)
        let answer = try await ask(
            HistoryRequest(
                known.info.id, after: after, until: until, limit: UInt32(clamping: limit),
                key: try key?.encoded() ?? [], filter: filter, fields: fields,
                includesPrevious: includePrevious, notBefore: notBefore),
            expecting: .historyPage, kind: .repeatable)
        return try HistoryPage(answer.payload, known.info.definition.keyKind)
    }

    /// The net change of each record between two places of a topic's history, in order of last
    /// change, with the row before and the row after. Kept in memory as a whole.
    ///
    /// - Throws: `no_history`; `too_old` where the history begins later, or ends before it begins.
    public func difference(
        _ topic: Topic, from: HistoryPoint, until: HistoryPoint = .newest, filter: String = "",
        fields: UInt64 = .max, notBefore: Offset = .start
    ) async throws(ThalwegError) -> [Change] {
        let known = try await resolve(topic)
        var sum = NetChanges(topic, fields: fields)
        var (from, until) = (from, until)
        while true {
            let answer = try await ask(
                DifferenceRequest(
                    known.info.id, from: from, until: until, filter: filter, fields: fields,
                    notBefore: notBefore),
                expecting: .differencePage, kind: .repeatable)
            let page = try HistoryPage(answer.payload, known.info.definition.keyKind)
            for change in page.changes { sum.add(change) }
            if page.isComplete { return sum.changes }
            // A time is looked up once: what is committed meanwhile is not part of the answer.
            if case .newest = until {
                until = .offset(try await describeTopic(topic.name).lastOffset)
            }
            from = .offset(page.reached)
        }
    }

    /// Records as they were, in the order of the keys; `nil` where there was none.
    ///
    /// - Throws: `no_history`, `too_old`; `not_yet` for an offset that is not there yet.
    public func get(
        _ topic: Topic, many keys: [Key], at point: HistoryPoint, notBefore: Offset = .start
    ) async throws(ThalwegError) -> StoredRecords {
        guard !keys.isEmpty else { return StoredRecords(applied: .start, records: []) }
        let known = try await resolve(topic)
        let page = try await state(
            try StateRequest(known.info.id, at: point, keys: keys, notBefore: notBefore), known)
        return StoredRecords(applied: page.applied, records: page.records)
    }

    /// One page of the records that matched a filter, as they were; pass `nextToken` on, and
    /// `.offset(applied)` as the place, to get the next.
    ///
    /// In the order of keys each record comes once. Otherwise, which is cheaper for the server, they
    /// are in no order, and a record that changes between two pages may come again, as it was at the
    /// same offset. A page may have fewer records than asked for, even none, and go on.
    public func scan(
        _ topic: Topic, at point: HistoryPoint, filter: String = "",
        order: ScanOrder = .change, limit: Int = 1_000,
        resumeToken: [UInt8] = [], notBefore: Offset = .start
    ) async throws(ThalwegError) -> ScanPage {
        let known = try await resolve(topic)
        let page = try await state(
            StateRequest(
                known.info.id, at: point, order: order, filter: filter,
                limit: UInt32(clamping: limit), resumeToken: resumeToken, notBefore: notBefore),
            known)
        return ScanPage(
            applied: page.applied, records: page.records.compactMap { $0 },
            nextToken: page.nextToken)
    }

    private func state(
        _ request: StateRequest, _ known: Topic.Known
    ) async throws(ThalwegError) -> (
        applied: Offset, records: [StoredRecord?], nextToken: [UInt8]
    ) {
        let answer = try await ask(request, expecting: .statePage, kind: .repeatable)
        return try answer.payload.lend { bytes throws(ThalwegError) in
            let kind = known.info.definition.keyKind
            var cursor = try RecordCursor(scanPage: bytes, kind: kind)
            let records = try StoredRecord.all(&cursor, kind)
            return (cursor.applied, records, cursor.nextToken)
        }
    }
}
