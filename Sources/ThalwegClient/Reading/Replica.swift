public import Synchronization

/// What became different in a replica since its observer last looked.
public struct ReplicaUpdate<Key: Hashable & Sendable>: Sendable {
    /// Records that were created, changed or deleted; read them in the replica.
    public internal(set) var keys: Set<Key> = []
    /// The replica was filled anew: everything may be different.
    public internal(set) var isReset = false
}

/// A local copy of a topic's records, kept by a subscription, read without waiting.
///
///     let players = try await client.replica(of: Player.self)
///     try await players.ready()
///     if let ada = players[7] { … }
///
/// It is right after any reconnect: changes missed meanwhile arrive, each once. Where the server
/// cannot go back that far, the copy is built anew beside the old one and takes its place when it
/// is complete. The subscription ends with the replica.
public final class Replica<R: Record>: Sendable {
    @usableFromInline struct Content: Sendable {
        @usableFromInline var records: [R.RecordKey: R] = [:]
        /// The copy that is being built after a reset.
        var rebuilt: [R.RecordKey: R]?
        var offset = Offset.start
        var isReady = false
        var failure: ThalwegError?
        var waiters: [CheckedContinuation<Result<Void, ThalwegError>, Never>] = []
        var observers: [UInt64: ReplicaObserver<R.RecordKey>] = [:]
        var lastObserver: UInt64 = 0
    }

    /// Shared with the task that keeps it, so that the task does not keep the replica.
    @usableFromInline final class Copy: Sendable {
        @usableFromInline let content = Mutex(Content())
    }

    @usableFromInline let copy = Copy()
    private let subscription: Subscription
    private let keeper: Task<Void, Never>

    init(_ subscription: Subscription) {
        self.subscription = subscription
        let copy = copy
        keeper = Task {
            var failure: ThalwegError?
            do throws(ThalwegError) {
                while let delivery = try await subscription.next() {
                    try Replica.apply(RecordDelivery<R>(delivery), to: copy)
                }
            } catch {
                failure = error
            }
            Replica.finish(copy, failure ?? Subscription.cancelled)
        }
    }

    deinit {
        subscription.cancel()
        keeper.cancel()
    }

    // MARK: Reading

    // Inlined where the type of the record is known: a look-up that asks for it at each step takes several
    // times as long.
    @inlinable public subscript(key: R.RecordKey) -> R? {
        copy.content.withLock { $0.records[key] }
    }

    public var count: Int { copy.content.withLock { $0.records.count } }

    /// All changes up to here are in it.
    public var offset: Offset { copy.content.withLock { $0.offset } }

    /// Why it is not kept any more; `nil` while it is. What it holds can still be read.
    public var failure: ThalwegError? { copy.content.withLock { $0.failure } }

    /// All records of one moment.
    public var records: [R.RecordKey: R] { copy.content.withLock { $0.records } }

    /// Calls `body` with each record of one moment, without holding up changes.
    public func forEach(_ body: (R) throws -> Void) rethrows {
        for record in records.values { try body(record) }
    }

    /// Returns when the replica holds everything that the topic held when it was asked for, on the
    /// node that was asked, or what was named as *not before*.
    public func ready() async throws(ThalwegError) {
        let copy = copy
        let result = await withCheckedContinuation { continuation in
            let known: Result<Void, ThalwegError>? = copy.content.withLock { content in
                if content.isReady { return .success(()) }
                if let failure = content.failure { return .failure(failure) }
                content.waiters.append(continuation)
                return nil
            }
            if let known { continuation.resume(returning: known) }
        }
        try result.get()
    }

    /// What becomes different from now on. Updates that nobody took yet are merged, so an observer
    /// that lags takes no more memory than the keys that changed. Ends with the replica.
    public var changes: ReplicaChanges<R.RecordKey> {
        let observer = ReplicaObserver<R.RecordKey>()
        copy.content.withLock { content in
            guard content.failure == nil else { return observer.finish() }
            content.lastObserver += 1
            content.observers[content.lastObserver] = observer
        }
        return ReplicaChanges(observer: observer)
    }

    // MARK: Keeping it

    private static func apply(_ delivery: RecordDelivery<R>, to copy: Copy) {
        let waiters = copy.content.withLock { content in
            if delivery.isReset, content.isReady { content.rebuilt = [:] }
            if delivery.isReset, !content.isReady { content.records = [:] }
            var update = ReplicaUpdate<R.RecordKey>()
            if var rebuilt = content.rebuilt {
                content.rebuilt = nil
                for change in delivery.changes { rebuilt[change.key] = change.record }
                if delivery.isCaughtUp {
                    content.records = rebuilt
                    content.offset = delivery.resumeOffset
                    update.isReset = true
                } else {
                    content.rebuilt = rebuilt
                }
            } else {
                for change in delivery.changes {
                    content.records[change.key] = change.record
                    update.keys.insert(change.key)
                }
                content.offset = delivery.resumeOffset
            }
            if update.isReset || !update.keys.isEmpty {
                content.observers = content.observers.filter { !$0.value.isAbandoned }
                for observer in content.observers.values { observer.add(update) }
            }
            guard delivery.isCaughtUp else {
                return [CheckedContinuation<Result<Void, ThalwegError>, Never>]()
            }
            content.isReady = true
            defer { content.waiters = [] }
            return content.waiters
        }
        for waiter in waiters { waiter.resume(returning: .success(())) }
    }

    private static func finish(_ copy: Copy, _ error: ThalwegError) {
        let (waiters, observers) = copy.content.withLock { content in
            content.failure = error
            defer {
                content.waiters = []
                content.observers = [:]
            }
            return (content.waiters, content.observers)
        }
        for waiter in waiters { waiter.resume(returning: .failure(error)) }
        for observer in observers.values { observer.finish() }
    }
}

extension ThalwegClient {
    /// A local copy of all records of a type, or of those that match a filter.
    ///
    /// - Parameter notBefore: it is not ready before this offset; see ``subscribe(_:notBefore:from:deliver:filter:fields:includePrevious:pace:policy:)``.
    public func replica<R: Record>(
        of type: R.Type,
        named name: String? = nil,
        notBefore: Offset = .start,
        filter: String = ""
    ) async throws(ThalwegError) -> Replica<R> {
        let topic = try await topic(name ?? R.topicName)
        return Replica(try await subscribe(topic, notBefore: notBefore, filter: filter))
    }
}
