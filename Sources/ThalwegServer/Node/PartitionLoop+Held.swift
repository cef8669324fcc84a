import NIOCore
import ThalwegEngine
import ThalwegModel

/// Who has how many bytes in one group of writes.
struct HeldWrites {
    private var parts: [(connection: any Answering, bytes: Int)] = []

    mutating func add(_ bytes: Int, of connection: any Answering) {
        // Most batches come behind another of the same connection.
        let last = parts.count - 1
        if last >= 0, parts[last].connection === connection {
            parts[last].bytes += bytes
        } else {
            parts.append((connection, bytes))
        }
    }

    func release() {
        for (connection, bytes) in parts { connection.release(bytes) }
    }
}

// Connections whose writes wait for the log, and with how many bytes: they are read no further while
// that is too many.
extension PartitionLoop {
    /// Queued writes take memory until they are applied: their connection is read on when they are,
    /// unless it has little waiting.
    func hold(_ bytes: Int, _ topic: TopicID, _ connection: any Answering) {
        count(bytes, connection)
        held[topic, default: HeldWrites()].add(bytes, of: connection)
        if partition.isGroupFull(topic) { seal(topic) }
    }

    /// A window that has grown to a part of what an entry may have is sealed before its time; where the
    /// log is behind, whoever fills it waits.
    func sealOrHold(_ bytes: Int, _ topic: TopicID, _ connection: any Answering) {
        seal(topic)
        guard partition.isGroupFull(topic) else { return }
        count(bytes, connection)
        held[topic, default: HeldWrites()].add(bytes, of: connection)
    }

    private func count(_ bytes: Int, _ connection: any Answering) {
        if heldOfCrossing == nil { connection.hold(bytes) } else { heldOfCrossing? += bytes }
    }

    /// Merges what a connection of another loop has sent; gives how many bytes of it wait, and will be
    /// released like those that are held.
    func write(
        _ crossing: CrossingWrites, source: SourceID, session: UniqueID,
        connection: any Answering
    ) -> Int {
        loop.assertInEventLoop()
        let start = SubscriptionHub.now
        defer { subscriptions.worked(since: start) }
        heldOfCrossing = 0
        defer { heldOfCrossing = nil }
        let time = Timestamp.now
        crossing.lendEach { payload, requestID in
            merge(
                payload, requestID: requestID, source: source, session: session, time: time,
                connection: connection)
        }
        return heldOfCrossing ?? 0
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
        group.release()
    }

    func releaseOpen(_ topic: TopicID) {
        held.removeValue(forKey: topic)?.release()
    }

    func releaseAllHeld(_ topic: TopicID) {
        closeHeld(topic)
        while heldInFlight[topic]?.isEmpty == false { releaseHeld(topic) }
        heldInFlight[topic] = nil
    }
}
