internal import Synchronization

/// What one observer of a replica has not taken yet, merged.
final class ReplicaObserver<Key: Hashable & Sendable>: Sendable {
    private struct Content: Sendable {
        var pending = ReplicaUpdate<Key>()
        var isPending = false
        var isFinished = false
        var isAbandoned = false
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let content = Mutex(Content())

    var isAbandoned: Bool { content.withLock { $0.isAbandoned } }

    func add(_ update: ReplicaUpdate<Key>) {
        wake { content in
            content.isPending = true
            if update.isReset {
                content.pending = update
            } else {
                content.pending.keys.formUnion(update.keys)
            }
        }
    }

    func finish() {
        wake { $0.isFinished = true }
    }

    func abandon() {
        wake {
            $0.isFinished = true
            $0.isAbandoned = true
        }
    }

    func next() async -> ReplicaUpdate<Key>? {
        while !Task.isCancelled {
            let (update, isFinished) = content.withLock { content in
                guard content.isPending else {
                    return (nil as ReplicaUpdate<Key>?, content.isFinished)
                }
                defer {
                    content.pending = ReplicaUpdate()
                    content.isPending = false
                }
                return (content.pending, false)
            }
            if let update { return update }
            if isFinished { return nil }
            await wait()
        }
        return nil
    }

    private func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isReady = content.withLock { content in
                    if content.isPending || content.isFinished { return true }
                    precondition(content.waiter == nil, "a sequence of changes has one reader")
                    content.waiter = continuation
                    return false
                }
                if isReady {
                    continuation.resume()
                } else if Task.isCancelled {
                    wake { _ in }
                }
            }
        } onCancel: {
            wake { _ in }
        }
    }

    private func wake(_ change: (inout Content) -> Void) {
        let waiter = content.withLock { content in
            change(&content)
            defer { content.waiter = nil }
            return content.waiter
        }
        waiter?.resume()
    }
}

/// What becomes different in a replica, for one reader.
public final class ReplicaChanges<Key: Hashable & Sendable>: AsyncSequence, Sendable {
    public typealias Element = ReplicaUpdate<Key>
    public typealias Failure = Never

    private let observer: ReplicaObserver<Key>

    init(observer: ReplicaObserver<Key>) {
        self.observer = observer
    }

    deinit {
        observer.abandon()
    }

    public struct AsyncIterator: AsyncIteratorProtocol {
        let changes: ReplicaChanges

        public mutating func next() async -> ReplicaUpdate<Key>? {
            await changes.observer.next()
        }

        public mutating func next(
            isolation actor: isolated (any Actor)?
        ) async
            -> ReplicaUpdate<Key>?
        {
            await changes.observer.next()
        }
    }

    public func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(changes: self)
    }
}
