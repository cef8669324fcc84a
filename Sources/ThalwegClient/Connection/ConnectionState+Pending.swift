internal import NIOCore

extension ConnectionState {
    /// A request that waits to be sent or to be answered.
    struct PendingRequest {
        var request: Request
        let expiresAtTick: UInt64
        var isSent = false
        /// For a flush: the newest unconfirmed write sent before it.
        var confirms: UInt64 = 0
        /// For a sequenced write: the number of its last one, once it has one.
        var lastNumber: UInt64 = 0
        /// Nobody waits for it any more; a sequenced write is sent on all the same.
        var isAbandoned = false
        /// It came back from a node that does not lead, and goes out again at the next.
        var isReturned = false
        /// Nodes that had not got to the offset that it wants.
        var notYet = 0
        /// A sequenced write that came back: it goes out again with another number.
        var isHeld = false

        func isOf(_ topic: TopicID) -> Bool {
            if case .sequencedWrite(topic, _) = request.kind { return true }
            return false
        }
    }
}
