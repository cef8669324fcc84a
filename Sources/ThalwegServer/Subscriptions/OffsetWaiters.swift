import NIOCore
import ThalwegEngine
import ThalwegModel

/// Reads that wait until an offset is applied: "not before what I wrote". On the partition's loop.
final class OffsetWaiters: @unchecked Sendable {
    private struct Waiter {
        let offset: Offset
        let deadline: Scheduled<Void>
        let body: (ThalwegError?) -> Void
    }

    /// How long a read waits.
    static let patience = TimeAmount.seconds(5)
    /// Reads that wait at a time.
    static let limit = 65_536

    private let loop: any EventLoop
    private let partition: Partition
    private var waiters: [TopicID: [UInt64: Waiter]] = [:]
    private var lastNumber: UInt64 = 0
    private var count = 0

    init(loop: any EventLoop, partition: Partition) {
        self.loop = loop
        self.partition = partition
    }

    /// Calls back once: when `offset` is applied, or with `not_yet`, or with `unknown_topic`.
    ///
    /// - Parameter mayComeToBe: a topic that is not there is waited for.
    func wait(
        for offset: Offset, of topic: TopicID, mayComeToBe: Bool = false,
        _ body: @escaping (ThalwegError?) -> Void
    ) {
        loop.assertInEventLoop()
        var last = Offset.start
        do throws(ThalwegError) {
            last = try partition.readingHead(topic).last
            if last >= offset { return body(nil) }
        } catch {
            guard mayComeToBe else { return body(error) }
        }
        guard count < OffsetWaiters.limit else { return body(OffsetWaiters.notYet(offset, last)) }
        lastNumber += 1
        let number = lastNumber
        let deadline = loop.scheduleTask(in: OffsetWaiters.patience) { [self] in
            guard let waiter = waiters[topic]?.removeValue(forKey: number) else { return }
            count -= 1
            let last = try? partition.readingHead(topic).last
            waiter.body(OffsetWaiters.notYet(offset, last ?? .start))
        }
        count += 1
        waiters[topic, default: [:]][number] = Waiter(
            offset: offset, deadline: deadline, body: body)
    }

    /// An entry was applied.
    func applied(_ applied: Partition.Applied) {
        guard !waiters.isEmpty else { return }
        look(applied.topic, newest: applied.kind == .dropTopic ? nil : applied.after)
    }

    /// The whole state was replaced.
    func lookAgain() {
        for topic in waiters.keys {
            look(topic, newest: try? partition.readingHead(topic).last)
        }
    }

    /// - Parameter newest: the topic's last offset; `nil` where there is no such topic any more.
    private func look(_ topic: TopicID, newest: Offset?) {
        guard let waiting = waiters[topic] else { return }
        let done = waiting.filter { waiter in newest.map { waiter.value.offset <= $0 } ?? true }
        for number in done.keys { waiters[topic]?[number] = nil }
        if waiters[topic]?.isEmpty == true { waiters[topic] = nil }
        count -= done.count
        for waiter in done.sorted(by: { $0.key < $1.key }).map(\.value) {
            waiter.deadline.cancel()
            // The read itself finds out where the topic is gone.
            waiter.body(nil)
        }
    }

    /// This node is behind.
    static func notYet(_ offset: Offset, _ last: Offset) -> ThalwegError {
        ThalwegError(
            .notYet, "offset \(offset) is not applied yet", advice: "ask again",
            limit: last.rawValue, value: offset.rawValue)
    }
}
