import NIOCore
import Synchronization
import ThalwegModel
import ThalwegWire

/// What a connection knows of its subscriptions: which partition has each.
struct ConnectionSubscriptions {
    private var lastNumber: UInt32 = 0
    /// The number of the partition's loop.
    var loops: [UInt32: UInt16] = [:]

    /// A number from 1 that no open subscription of the connection has.
    mutating func nextNumber() -> UInt32 {
        repeat { lastNumber &+= 1 } while lastNumber == 0 || loops[lastNumber] != nil
        return lastNumber
    }
}

extension ClientConnection {
    func subscribe(
        _ payload: UnsafeRawBufferPointer, _ requestID: UInt32
    ) throws(ThalwegError) {
        let request = try Subscribe(payload)
        let limit = node.options.limits.subscriptionsPerConnection
        guard subscriptions.loops.count < limit else {
            throw .exceeded(
                .tooManySubscriptions, "the number of the connection's subscriptions",
                value: subscriptions.loops.count + 1, limit: limit,
                advice: "close some, or use another connection")
        }
        let number = subscriptions.nextNumber()
        let partition = node.partition(request.topic)
        subscriptions.loops[number] = UInt16(partition.number)
        countSubscriptions()
        let system = node.system.named(request.topic)
        if let system { node.system.freshen(system) { _ in } }
        partition.loop.execute { [self] in
            if let system, !system.isOfCluster, let refusal = partition.leadership.refusal {
                forgetSubscription(number)
                return refuse(refusal, requestID)
            }
            partition.subscriptions.expect(number, of: self)
            partition.whenReached(request) { [self] error in
                // The connection may have gone while it waited.
                guard partition.subscriptions.isExpected(number, of: self) else { return }
                if let error {
                    forgetSubscription(number)
                    return refuse(error, requestID)
                }
                partition.subscriptions.subscribe(
                    request, number: number, connection: self, requestID: requestID)
            }
        }
    }

    func unsubscribe(
        _ payload: UnsafeRawBufferPointer, _ requestID: UInt32
    ) throws(ThalwegError) {
        let number = try Unsubscribe(payload).subscription
        guard let loop = subscriptions.loops.removeValue(forKey: number) else {
            throw ThalwegError(
                .unknownSubscription, "this connection has no subscription \(number)",
                advice: "it may have ended already")
        }
        countSubscriptions()
        let partition = node.loops[Int(loop)]
        partition.loop.execute { [self] in
            partition.subscriptions.close([number], of: self)
            answer(Okay(), requestID)
        }
    }

    /// The subscription ended without the client's doing. Callable from any loop.
    func forgetSubscription(_ number: UInt32) {
        onOwnLoop { connection in
            connection.subscriptions.loops[number] = nil
            connection.countSubscriptions()
        }
    }

    private func countSubscriptions() {
        facts?.subscriptions.store(UInt64(subscriptions.loops.count), ordering: .relaxed)
    }

    /// The connection is gone.
    func closeSubscriptions() {
        let numbers = Dictionary(grouping: subscriptions.loops.keys) { subscriptions.loops[$0] }
        subscriptions.loops = [:]
        for (loop, numbers) in numbers {
            guard let loop else { continue }
            let partition = node.loops[Int(loop)]
            // Behind a SUBSCRIBE that is still on its way there.
            partition.loop.execute { [self] in
                partition.subscriptions.close(numbers, of: self)
            }
        }
    }
}
