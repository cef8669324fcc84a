import Synchronization
import ThalwegEngine
import ThalwegModel
import ThalwegWire

// What became of writes that nobody waits for: it is counted, and of those that came to nothing the
// next FLUSH tells. Any loop.
extension ClientConnection {
    func noteMerged(_ outcome: MergeOutcome) {
        node.counters.writes.add(
            UInt64(outcome.accepted) + UInt64(outcome.unchanged)
                + UInt64(outcome.invalid) + UInt64(outcome.queued))
        node.counters.unchanged.add(UInt64(outcome.unchanged))
        if outcome.invalid > 0 { node.counters.invalid.add(UInt64(outcome.invalid)) }
    }

    func lost(_ topic: TopicID, _ error: ThalwegError) {
        losses.withLock { $0[topic] = $0[topic] ?? error }
    }

    /// What was lost of the topic's writes, told once.
    func takeLoss(_ topic: TopicID) -> ThalwegError? {
        losses.withLock { $0.removeValue(forKey: topic) }
    }
}

extension WriteBatchHeader {
    /// The topic of a batch whose header is there, well-formed or not.
    static func topic(of payload: UnsafeRawBufferPointer) -> TopicID {
        TopicID(UInt32(littleEndian: payload.loadUnaligned(as: UInt32.self)))
    }
}
