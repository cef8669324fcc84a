extension ThalwegClient {
    /// One record, or `nil` where there is none.
    ///
    /// - Parameter notBefore: wait until this offset is applied: the `lastOffset` of a write, to
    ///   read what one wrote; `.newest` for all that was committed when this was called.
    public func get(
        _ topic: Topic,
        _ key: Key,
        notBefore: Offset = .start
    ) async throws(ThalwegError) -> StoredRecord? {
        let answer = try await get(topic, many: [key], notBefore: notBefore)
        return answer.records[0]
    }

    /// Several records in one request, all of one moment.
    public func get(
        _ topic: Topic,
        many keys: [Key],
        notBefore: Offset = .start
    ) async throws(ThalwegError) -> StoredRecords {
        let known = try await resolve(topic)
        let kind = known.info.definition.keyKind
        for key in keys where key.kind != kind {
            throw ThalwegError(
                .invalidKey,
                "a \(key.kind.name) key was given, the topic's are \(kind.name)"
            )
        }
        let answer = try await ask(
            GetRequest(known.info.id, keys: keys, notBefore: notBefore),
            expecting: .records,
            kind: .repeatable
        )
        return try answer.payload.lend { bytes throws(ThalwegError) in
            var cursor = try RecordCursor(records: bytes, kind: kind)
            let records = try StoredRecord.all(&cursor, kind)
            guard records.count == keys.count else {
                throw ThalwegError(
                    .invalidFrame,
                    "\(keys.count) keys were answered with \(records.count) records"
                )
            }
            return StoredRecords(applied: cursor.applied, records: records)
        }
    }

    /// One page of the records that match a filter; pass `nextToken` on to get the next.
    ///
    /// - Parameter limit: records wanted at most; a page may have fewer.
    public func scan(
        _ topic: Topic,
        filter: String = "",
        order: ScanOrder = .change,
        limit: Int = 1_000,
        resumeToken: [UInt8] = [],
        notBefore: Offset = .start
    ) async throws(ThalwegError) -> ScanPage {
        let known = try await resolve(topic)
        let request = ScanRequest(
            known.info.id,
            order: order,
            filter: filter,
            limit: UInt32(clamping: limit),
            resumeToken: resumeToken,
            notBefore: notBefore
        )
        let answer = try await ask(request, expecting: .scanPage, kind: .repeatable)
        return try answer.payload.lend { bytes throws(ThalwegError) in
            let kind = known.info.definition.keyKind
            var cursor = try RecordCursor(scanPage: bytes, kind: kind)
            let records = try StoredRecord.all(&cursor, kind).compactMap { $0 }
            return ScanPage(
                applied: cursor.applied,
                records: records,
                nextToken: cursor.nextToken
            )
        }
    }

    /// How many records match a filter, and at which offset.
    public func count(
        _ topic: Topic,
        filter: String = "",
        notBefore: Offset = .start
    ) async throws(ThalwegError) -> Counted {
        let known = try await resolve(topic)
        let answer = try await ask(
            CountRequest(known.info.id, filter: filter, notBefore: notBefore),
            expecting: .counted,
            kind: .repeatable
        )
        return try answer.decode(Counted.self)
    }
}
