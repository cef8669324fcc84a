/// A topic whose records are values of one Swift type.
public struct TypedTopic<R: Record>: Sendable {
    public let client: ThalwegClient
    public let topic: Topic

    // MARK: Writing

    public func batch(
        acknowledgement: Acknowledgement = .none,
        isAtomic: Bool = false
    ) -> RecordBatch<R> {
        RecordBatch(Batch(topic, acknowledgement: acknowledgement, isAtomic: isAtomic))
    }

    /// As ``ThalwegClient/write(_:acknowledgement:)``.
    @discardableResult
    public func write(
        _ batch: inout RecordBatch<R>,
        acknowledgement: Acknowledgement? = nil
    ) async throws(ThalwegError) -> WriteAnswer {
        try await client.write(&batch.batch, acknowledgement: acknowledgement)
    }

    /// The record is so, committed. Throws the error of a write that the server refused.
    @discardableResult
    public func put(
        _ record: R,
        if condition: WriteCondition? = nil,
        metadata: [UInt8]? = nil
    ) async throws(ThalwegError) -> WriteResult {
        var batch = batch(acknowledgement: .committedEach)
        try batch.put(record, if: condition, metadata: metadata)
        return try await client.only(&batch.batch)
    }

    /// The fields that `change` sets are so, committed.
    @discardableResult
    // Runs where the caller does, so `change` may use what the caller's actor protects.
    nonisolated(nonsending) public func patch(
        _ key: R.RecordKey,
        if condition: WriteCondition? = nil,
        metadata: [UInt8]? = nil,
        _ change: (inout R.Patch) -> Void
    ) async throws(ThalwegError) -> WriteResult {
        var batch = batch(acknowledgement: .committedEach)
        try batch.patch(key, if: condition, metadata: metadata, change)
        return try await client.only(&batch.batch)
    }

    /// This client's source does not assert the record any more; committed.
    @discardableResult
    public func retract(
        _ key: R.RecordKey,
        if condition: WriteCondition? = nil
    ) async throws(ThalwegError) -> WriteResult {
        var batch = batch(acknowledgement: .committedEach)
        try batch.retract(key, if: condition)
        return try await client.only(&batch.batch)
    }

    // MARK: Reading

    /// One record, or `nil` where there is none.
    public func get(
        _ key: R.RecordKey,
        notBefore: Offset = .start
    ) async throws(ThalwegError) -> R? {
        guard let stored = try await client.get(topic, key.key, notBefore: notBefore) else {
            return nil
        }
        return try R(key: key, row: stored.row)
    }

    /// Several records of one moment; those that are not there are left out.
    public func get(
        many keys: [R.RecordKey],
        notBefore: Offset = .start
    ) async throws(ThalwegError) -> [R.RecordKey: R] {
        let answer = try await client.get(topic, many: keys.map(\.key), notBefore: notBefore)
        var records: [R.RecordKey: R] = [:]
        for (key, stored) in zip(keys, answer.records) {
            if let stored { records[key] = try R(key: key, row: stored.row) }
        }
        return records
    }

    /// Watches the topic; the parameters are those of `ThalwegClient.subscribe`.
    public func subscribe(
        notBefore: Offset = .start,
        from start: SubscriptionStart = .start,
        deliver: DeliveryMode = .latest,
        filter: String = "",
        fields: R.Fields = R.Fields(rawValue: .max),
        includePrevious: Bool = false,
        pace: Int = 1,
        policy: SlowReaderPolicy = .conflate
    ) async throws(ThalwegError) -> RecordSubscription<R> {
        RecordSubscription(
            subscription: try await client.subscribe(
                topic,
                notBefore: notBefore,
                from: start,
                deliver: deliver,
                filter: filter,
                fields: fields.rawValue,
                includePrevious: includePrevious,
                pace: pace,
                policy: policy
            )
        )
    }
}

extension ThalwegClient {
    /// The topic of a record type, created if it is not there, with fields appended if it has fewer.
    ///
    /// - Parameter name: in place of the one that the type declares.
    public func topic<R: Record>(
        of type: R.Type,
        named name: String? = nil,
        options: TopicOptions = TopicOptions()
    ) async throws(ThalwegError) -> TypedTopic<R> {
        TypedTopic(
            client: self,
            topic: try await topic(R.topicDefinition(named: name, options: options))
        )
    }
}
