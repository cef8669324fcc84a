import ThalwegEngine
import ThalwegModel

// What connections have waiting in the queues of topics that keep every write.
extension PartitionLoop {
    /// Queued writes take memory until they are applied: their connection is read on when they are,
    /// unless it has little waiting.
    func hold(_ bytes: Int, _ topic: TopicID, _ connection: any Answering) {
        connection.hold(bytes)
        // Most batches come behind another of the same connection.
        let last = (held[topic]?.count ?? 0) - 1
        if last >= 0, held[topic]?[last].0 === connection {
            held[topic]?[last].1 += bytes
        } else {
            held[topic, default: []].append((connection, bytes))
        }
        if partition.isGroupFull(topic) { seal(topic) }
    }

    /// A group of the topic was cut: what is held from here on belongs to the next.
    func closeHeld(_ topic: TopicID) {
        guard let open = held.removeValue(forKey: topic) else { return }
        heldInFlight[topic, default: []].append(open)
    }

    func releaseHeld(_ topic: TopicID) {
        guard heldInFlight[topic]?.isEmpty == false,
            let group = heldInFlight[topic]?.removeFirst()
        else { return }
        for (connection, bytes) in group {
            connection.release(bytes)
        }
    }

    func releaseAllHeld(_ topic: TopicID) {
        closeHeld(topic)
        while heldInFlight[topic]?.isEmpty == false { releaseHeld(topic) }
        heldInFlight[topic] = nil
    }
}
