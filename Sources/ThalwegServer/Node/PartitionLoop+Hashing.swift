import NIOCore
import ThalwegEngine
import ThalwegModel

/// Topics that are being hashed on a loop, and who asked for it.
struct TopicHashes {
    typealias Done = (Result<TopicHash, ThalwegError>) -> Void

    /// In the order of their turns.
    var topics: [TopicID] = []
    var isScheduled = false
    /// Who waits for the hash under way, and who came when it was: for them the topic is looked at
    /// again, as it may have changed since.
    var asked: [TopicID: (now: [Done], next: [Done])] = [:]
}

// The states of topics are hashed a slice at a time, with a pause behind each in which the loop does
// what else it has: at marks in the log, and for who asks.
extension PartitionLoop {
    /// Behind each slice: writes and reads wait for one of them at most, and find the loop free behind it.
    private static let pause = TimeAmount.milliseconds(1)

    /// Calls back with the hash of the topic as it is now, or as it is when those who asked before
    /// have theirs.
    func hash(_ topic: TopicID, _ done: @escaping TopicHashes.Done) {
        loop.assertInEventLoop()
        if hashes.asked[topic] != nil {
            hashes.asked[topic]?.next.append(done)
            return
        }
        do throws(ThalwegError) {
            guard try partition.beginHash(topic) else {
                preconditionFailure("who had a hash begun is among those who asked")
            }
        } catch {
            return done(.failure(error))
        }
        hashes.asked[topic] = ([done], [])
        // A small topic is done with its first slice.
        hashSome(topic)
        startHashing(topic)
    }

    /// Sees to it that the topic is hashed as far as there is something to hash.
    func startHashing(_ topic: TopicID) {
        guard partition.isHashing(topic) else { return }
        if !hashes.topics.contains(topic) { hashes.topics.append(topic) }
        scheduleNext()
    }

    private func scheduleNext() {
        guard !hashes.isScheduled, !hashes.topics.isEmpty else { return }
        hashes.isScheduled = true
        loop.scheduleTask(in: PartitionLoop.pause) { [self] in
            hashes.isScheduled = false
            hashNext()
        }
    }

    /// Another state took the place of what was being hashed: who asked is told of that one.
    func hashAnew() {
        let asked = hashes.asked.mapValues { $0.now + $0.next }
        hashes.asked = [:]
        hashes.topics = []
        for (topic, waiting) in asked {
            for done in waiting { hash(topic, done) }
        }
    }

    /// The next slice, of the topic whose turn it is.
    private func hashNext() {
        guard !hashes.topics.isEmpty else { return }
        let topic = hashes.topics.removeFirst()
        hashSome(topic)
        startHashing(topic)
        scheduleNext()
    }

    private func hashSome(_ topic: TopicID) {
        let slice = partition.hashSlice(topic)
        if let look = slice.look { looked(look, topic) }
        if let divergence = slice.divergence { diverged(divergence) }
        if let hash = slice.answer { answer(hash, topic) }
        if !partition.has(topic) { topicIsGone(topic) }
    }

    private func answer(_ answer: TopicHash, _ topic: TopicID) {
        guard let waiting = hashes.asked.removeValue(forKey: topic) else { return }
        for done in waiting.now { done(.success(answer)) }
        for done in waiting.next { hash(topic, done) }
    }

    private func topicIsGone(_ topic: TopicID) {
        lookedInVain(topic)
        guard let waiting = hashes.asked.removeValue(forKey: topic) else { return }
        let error = ThalwegError(
            .unknownTopic, "the topic was dropped while it was looked at",
            advice: "there is nothing to compare any more")
        for done in waiting.now + waiting.next { done(.failure(error)) }
    }
}
