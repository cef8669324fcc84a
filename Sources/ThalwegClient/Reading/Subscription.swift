/// What changes in a topic, as it happens: a sequence of deliveries for one reader.
///
///     for try await delivery in try await client.subscribe(topic) {
///         for change in try delivery.changes() { … }
///     }
///
/// It survives lost connections: it goes on behind the last delivery, each change once. Where the
/// server cannot go back that far, the next delivery `isReset`. A reader that lags makes the client
/// stop reading; the server then keeps only newest states for it. The sequence ends without an
/// error when it is cancelled, and throws when the server ends it.
public final class Subscription: AsyncSequence, Sendable {
    public typealias Element = Delivery
    public typealias Failure = ThalwegError

    /// Where it began: deliveries hold what changed behind this offset.
    public let startedAfter: Offset
    /// The topic's newest offset when it began.
    public let tail: Offset
    private let feed: DeliveryFeed
    /// Held, so that a program that only watches keeps its connection.
    private let client: ThalwegClient
    private var core: ClientCore { client.core }

    init(_ feed: DeliveryFeed, _ answer: Subscribed, _ client: ThalwegClient) {
        self.feed = feed
        self.client = client
        startedAfter = answer.from
        tail = answer.tail
    }

    deinit {
        core.abandon(feed.token)
    }

    static let cancelled = ThalwegError(.stopped, "the subscription was cancelled")

    /// Ends the sequence behind what is buffered.
    public func cancel() {
        feed.finish(Subscription.cancelled)
        core.abandon(feed.token)
    }

    /// The next delivery; `nil` after ``cancel()`` or where the task is cancelled.
    public func next() async throws(ThalwegError) -> Delivery? {
        while !Task.isCancelled {
            switch feed.take() {
            case .delivery(let delivery, let madeRoom):
                if madeRoom { core.feedHasRoom(feed.token) }
                return delivery
            case .end(Subscription.cancelled):
                return nil
            case .end(let error):
                throw error
            case .nothingYet:
                await feed.wait()
            }
        }
        return nil
    }

    public struct AsyncIterator: AsyncIteratorProtocol {
        let subscription: Subscription

        public mutating func next() async throws(ThalwegError) -> Delivery? {
            try await subscription.next()
        }

        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async throws(ThalwegError) -> Delivery? {
            try await subscription.next()
        }
    }

    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(subscription: self)
    }
}

extension ThalwegClient {
    /// Watches a topic.
    ///
    /// - Parameters:
    ///   - notBefore: the reader is not told that it is caught up before this offset; `.newest` for
    ///     all that was committed anywhere when this was asked, which only the leader can say.
    ///   - filter: the filter language; empty for all records.
    ///   - fields: bit n: field n is wanted; a change of others only is not delivered.
    ///   - pace: deliver at most once in so many windows.
    ///   - policy: what the server does when this reader lags.
    /// - Throws: `invalid_options` for a pace below 1 or above 65,535; what the server refuses.
    public func subscribe(
        _ topic: Topic,
        notBefore: Offset = .start,
        from start: SubscriptionStart = .start,
        deliver: DeliveryMode = .latest,
        filter: String = "",
        fields: UInt64 = .max,
        includePrevious: Bool = false,
        pace: Int = 1,
        policy: SlowReaderPolicy = .conflate
    ) async throws(ThalwegError) -> Subscription {
        guard let windows = UInt16(exactly: pace), windows >= 1 else {
            throw .exceeded(
                .invalidOptions, "the pace of a subscription in windows", value: pace,
                limit: Int(UInt16.max), advice: "deliver at most once in 1 to 65,535 windows")
        }
        let known = try await resolve(topic)
        let kind = known.info.definition.keyKind
        let request = Subscribe(
            known.info.id,
            notBefore: notBefore,
            from: start,
            deliver: deliver,
            includesPrevious: includePrevious,
            policy: policy,
            pace: windows,
            filter: filter,
            fields: fields
        )
        let feed = DeliveryFeed(
            core.nextSubscriptionToken(),
            keyKind: kind,
            limit: core.options.subscriptionBufferBytes,
            isBlocking: policy == .block
        )
        let answer = try await core.open(
            request,
            topicName: topic.name,
            keyKind: kind,
            feed: feed
        )
        return Subscription(feed, answer, self)
    }
}
