import NIOCore
import ThalwegEngine
import ThalwegModel

// Truncations: one small entry, in its turn among the topic's windows.
extension PartitionLoop {
    /// Deletes every record of a topic; calls back when that is durable and applied.
    func truncate(_ topic: TopicID, _ done: @escaping @Sendable (ThalwegError?) -> Void) {
        loop.assertInEventLoop()
        if let refusal = partRefusal { return done(refusal) }
        truncations[topic, default: []].append(done)
        truncateIfReady(topic)
    }

    /// Cuts the entry if the windows before it can be sealed; else this is tried again when one is
    /// applied, or a slow subscriber lets go.
    func truncateIfReady(_ topic: TopicID) {
        guard let waiting = truncations[topic] else { return }
        seal(topic)
        guard !subscriptions.isBlocked(topic) else { return }
        let token = waiters.add(.barrier { error in for done in waiting { done(error) } })
        do throws(ThalwegError) {
            guard let entry = try partition.truncate(topic, time: .now, token: token) else {
                waiters.take(token)
                return
            }
            truncations[topic] = nil
            append(entry, topic)
        } catch {
            waiters.take(token)
            truncations[topic] = nil
            for done in waiting { done(error) }
        }
    }
}
