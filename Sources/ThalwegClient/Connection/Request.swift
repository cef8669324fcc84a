internal import NIOCore

/// One frame that the client wants sent, and what it expects back.
struct Request: Sendable {
    enum Kind: Equatable, Sendable {
        /// May be sent again on another connection: it changes nothing, or the same once more.
        case repeatable
        /// A batch whose answer says that it is committed.
        case committedWrite
        /// A batch that the client's session numbers: sent again until it is answered, applied once.
        case sequencedWrite(TopicID, writes: Int)
        /// A batch whose answer, if any, says less: a flush has to confirm it.
        case unconfirmedWrite
        /// Confirms all writes sent before it.
        case flush
        /// Anything else that must not happen twice.
        case once
    }

    /// The client's number for it, 1…2^31-1; in the frame's header too, unless nothing answers.
    let id: UInt32
    var frame: ByteBuffer
    let kind: Kind
    /// The type of a good answer; `nil` where none comes and handing it to the socket is all.
    let expects: FrameType?
}

/// A good answer's payload, checked by its sum and not decoded yet.
struct Answer: Sendable {
    let type: FrameType
    let payload: [UInt8]
}
