internal import NIOCore
internal import Synchronization

/// The deliveries between the event loop, which pushes, and one reader, which takes.
final class DeliveryFeed: Sendable {
    private struct Content: Sendable {
        var deliveries = CircularBuffer<Delivery>()
        var bytes = 0
        var waiter: CheckedContinuation<Void, Never>?
        /// Set once, when nothing more will come.
        var end: ThalwegError?
    }

    let token: SubscriptionToken
    let keyKind: KeyKind
    /// The topic waits for this reader.
    let isBlocking: Bool
    private let limit: Int
    private let content = Mutex(Content())

    init(
        _ token: SubscriptionToken, keyKind: KeyKind, limit: Int, isBlocking: Bool = false
    ) {
        self.token = token
        self.keyKind = keyKind
        self.isBlocking = isBlocking
        self.limit = limit
    }

    var bufferedBytes: Int { content.withLock { $0.bytes } }

    func push(_ payload: [UInt8], isReset: Bool) {
        let waiter = content.withLock { content in
            guard content.end == nil else { return nil as CheckedContinuation<Void, Never>? }
            do throws(ThalwegError) {
                let delivery = try Delivery(payload, keyKind: keyKind, isReset: isReset)
                content.deliveries.append(delivery)
                content.bytes += payload.count
            } catch {
                content.end = error
            }
            defer { content.waiter = nil }
            return content.waiter
        }
        waiter?.resume()
    }

    func finish(_ error: ThalwegError) {
        let waiter = content.withLock { content in
            if content.end == nil { content.end = error }
            defer { content.waiter = nil }
            return content.waiter
        }
        waiter?.resume()
    }

    /// What a reader finds.
    enum Taken {
        case delivery(Delivery, madeRoom: Bool)
        case end(ThalwegError)
        case nothingYet
    }

    func take() -> Taken {
        content.withLock { content in
            if let delivery = content.deliveries.popFirst() {
                let before = content.bytes
                content.bytes -= delivery.payload.count
                let madeRoom = before >= limit && content.bytes < limit
                return .delivery(delivery, madeRoom: madeRoom)
            }
            if let end = content.end { return .end(end) }
            return .nothingYet
        }
    }

    /// Returns when there may be something to take, or the task is cancelled.
    func wait() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isReady = content.withLock { content in
                    guard content.deliveries.isEmpty, content.end == nil else { return true }
                    precondition(content.waiter == nil, "a subscription has one reader")
                    content.waiter = continuation
                    return false
                }
                if isReady {
                    continuation.resume()
                } else if Task.isCancelled {
                    wake()
                }
            }
        } onCancel: {
            wake()
        }
    }

    private func wake() {
        let waiter = content.withLock { content in
            defer { content.waiter = nil }
            return content.waiter
        }
        waiter?.resume()
    }
}
