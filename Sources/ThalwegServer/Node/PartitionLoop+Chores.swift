import NIOCore
import ThalwegEngine
import ThalwegModel

// What a loop does by itself now and then. It is held by its tasks until the event loop ends.
extension PartitionLoop {
    /// How often topics are looked at. One gives memory back when it had no window for one to two of
    /// these.
    private static let restInterval = TimeAmount.seconds(1)

    func startChores() {
        loop.assertInEventLoop()
        loop.scheduleRepeatedTask(initialDelay: .milliseconds(250), delay: .milliseconds(250)) {
            [self] _ in expire()
        }
        loop.scheduleRepeatedTask(
            initialDelay: PartitionLoop.restInterval, delay: PartitionLoop.restInterval
        ) { [self] _ in partition.rest() }
    }

    /// Looks for records that expired: a sweep of a topic takes about eight seconds, a little at a
    /// time.
    private func expire() {
        guard leadership.term != nil else { return }
        for topic in partition.topicIDs where partition.expires(topic) {
            for step in 0..<8 {
                partition.expire(
                    topic, part: expirePart + step, time: .now, uptime: CatalogLoop.uptime)
            }
            startTimer(topic)
        }
        expirePart = (expirePart + 8) % 256
    }
}
