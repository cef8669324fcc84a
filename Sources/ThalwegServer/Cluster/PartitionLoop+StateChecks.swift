import Logging
import NIOCore
import Synchronization
import ThalwegEngine
import ThalwegModel

/// Which topics' states a leader has had compared.
struct StateChecks {
    /// The topic looked at last, and the mark that is on its way, or that this node still looks for.
    var last = TopicID(0)
    var inFlight: UInt64?
    /// Where each topic was when it was looked at in this leadership.
    var offsets: [TopicID: Offset] = [:]
    /// How often this node, leading, said what a topic's state came to.
    var said: [TopicID: Int] = [:]
}

// Now and then the leader has every node look what the state of a topic comes to, and tells what it
// came to here, as soon as it is through: who differs stops serving. One topic at a time, and only
// those that changed.
extension PartitionLoop {
    func startChecking(every interval: TimeAmount) {
        loop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { [self] _ in
            checkNext()
        }
    }

    private func checkNext() {
        guard refusal == nil, checks.inFlight == nil, let topic = nextToCheck() else { return }
        let number = marks.number()
        checks.last = topic
        checks.inFlight = number
        append(LogMark(number, wantsHash: true).entry(topic, time: .now), topic)
    }

    /// The topic behind the last one that has changed since it was looked at. One that is still being
    /// looked at, for a leader before this one, waits for its turn.
    private func nextToCheck() -> TopicID? {
        let topics = partition.topicIDs
        let later = topics.filter { $0.rawValue > checks.last.rawValue }
        let earlier = topics.filter { $0.rawValue <= checks.last.rawValue }
        return (later + earlier).first { topic in
            guard partition.looksFor(topic) == nil,
                let last = try? partition.readingHead(topic).last
            else { return false }
            return checks.offsets[topic] != last
        }
    }

    /// Every node begins to look at the topic's state; a small one was looked at already.
    func reachedCheck(_ mark: LogMark, _ topic: TopicID) {
        startHashing(topic)
        guard checks.inFlight == mark.number, partition.looksFor(topic) != mark.number else {
            return
        }
        checks.inFlight = nil
        if let look = partition.look(topic), look.number == mark.number { say(look, topic) }
    }

    /// This node knows what the topic's state came to at a mark.
    func looked(_ look: StateLook, _ topic: TopicID) {
        guard checks.inFlight == look.number else { return }
        checks.inFlight = nil
        say(look, topic)
    }

    /// The topic is gone, and with it what was looked at.
    func lookedInVain(_ topic: TopicID) {
        if checks.last == topic { checks.inFlight = nil }
    }

    private func say(_ look: StateLook, _ topic: TopicID) {
        guard leadership.term != nil else { return }
        checks.offsets[topic] = look.hash.offset
        checks.said[topic, default: 0] += 1
        append(look.check.entry(topic, time: .now), topic)
    }
}

extension Node {
    /// This node's state is not the leader's: memory or program is broken, and whatever it said from
    /// here on could be wrong. Callable from any loop.
    func diverged(_ divergence: StateDivergence) {
        let error = ThalwegError(
            .clusterDiverged,
            "the state of topic \(divergence.topic) is not the leader's "
                + "(hash \(divergence.own), the leader's \(divergence.leaders))",
            advice: "keep the data directory for whoever looks into this, and let the node join "
                + "anew with an empty one")
        let isFirst = unserved.withLock { reason in
            defer { reason = reason ?? error }
            return reason == nil
        }
        guard isFirst else { return }
        logger.critical("this node serves no more", metadata: ["reason": "\(error)"])
        failed(error)
        dropConnections(telling: error)
    }
}
