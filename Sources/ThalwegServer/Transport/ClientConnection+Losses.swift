import Synchronization
import ThalwegModel
import ThalwegWire

// Writes that nobody waited for and that came to nothing: the next FLUSH says so. Any loop.
extension ClientConnection {
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
