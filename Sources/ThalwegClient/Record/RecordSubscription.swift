/// One change of a typed record.
public struct RecordChange<R: Record>: Sendable {
    public let kind: ChangeKind
    /// Why it was deleted; `nil` unless it was.
    public let reason: DeletionReason?
    public let key: R.RecordKey
    /// What it is now; `nil` for `deleted` and `left`.
    public let record: R?
    /// What it was, if the subscription asked for that and there was something.
    public let previous: R?
    public let changedFields: R.Fields
    public let offset: Offset
    public let version: RecordVersion
    public let sources: [SourceID]
    public let metadata: [UInt8]?

    init(_ lent: LentChange) throws(ThalwegError) {
        kind = lent.kind
        reason = lent.reason
        key = try R.RecordKey(encoded: lent.key)
        record = lent.kind.hasRow ? try R(key: key, lent: lent.row) : nil
        if let row = lent.previous { previous = try R(key: key, lent: row) } else { previous = nil }
        changedFields = R.Fields(rawValue: lent.changedFields)
        offset = lent.offset
        version = lent.version
        sources = Array(lent.sources)
        metadata = lent.metadata.map { Array($0) }
    }
}

extension Record {
    init(key: RecordKey, lent row: UnsafeRawBufferPointer) throws(ThalwegError) {
        var decoder = try RowDecoder(row)
        try self.init(key: key, row: &decoder)
    }
}

/// What a typed subscription brings at once.
public struct RecordDelivery<R: Record>: Sendable {
    public let changes: [RecordChange<R>]
    /// A reader that has this delivery resumes behind this offset.
    public let resumeOffset: Offset
    /// As ``Delivery/completeAt``.
    public let completeAt: Offset
    /// The reader now holds the topic's tail.
    public let isCaughtUp: Bool
    /// Forget what you hold, then apply this delivery.
    public let isReset: Bool

    init(_ delivery: Delivery) throws(ThalwegError) {
        var changes: [RecordChange<R>] = []
        changes.reserveCapacity(delivery.count)
        try delivery.forEachChange { lent throws(ThalwegError) in
            changes.append(try RecordChange(lent))
        }
        self.changes = changes
        resumeOffset = delivery.resumeOffset
        completeAt = delivery.completeAt
        isCaughtUp = delivery.isCaughtUp
        isReset = delivery.isReset
    }
}

/// A ``Subscription`` whose changes are decoded.
public struct RecordSubscription<R: Record>: AsyncSequence, Sendable {
    public typealias Element = RecordDelivery<R>
    public typealias Failure = ThalwegError

    public let subscription: Subscription

    public func cancel() {
        subscription.cancel()
    }

    public struct AsyncIterator: AsyncIteratorProtocol {
        let subscription: Subscription

        public mutating func next() async throws(ThalwegError) -> RecordDelivery<R>? {
            guard let delivery = try await subscription.next() else { return nil }
            return try RecordDelivery(delivery)
        }

        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(ThalwegError) -> RecordDelivery<R>? {
            guard let delivery = try await subscription.next() else { return nil }
            return try RecordDelivery(delivery)
        }
    }

    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(subscription: subscription)
    }
}
