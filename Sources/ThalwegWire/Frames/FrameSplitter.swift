public import ThalwegModel

/// A whole, intact frame where it was received. Good only while those bytes are.
@frozen public struct ReceivedFrame {
    public let header: FrameHeader
    public let payload: UnsafeRawBufferPointer
}

/// Finds the whole frames in bytes received so far, in place and without allocation.
///
///     var splitter = FrameSplitter(received, maximumPayloadBytes: limits.maximumFrameBytes)
///     while let frame = try splitter.next() { handle(frame) }
///     drop(splitter.consumed)            // keep the rest, and at least `wanted` bytes of room
///
/// After an error the stream cannot be trusted: close the connection.
public struct FrameSplitter {
    private let received: UnsafeRawBufferPointer
    private let maximumPayloadBytes: Int
    /// Bytes of whole frames given so far.
    public private(set) var consumed = 0
    /// Bytes, from `consumed` on, that the next frame has: a header until that is there.
    public private(set) var wanted = FrameHeader.size

    public init(
        _ received: UnsafeRawBufferPointer,
        maximumPayloadBytes: Int = Limits.frameBytes
    ) {
        self.received = received
        self.maximumPayloadBytes = maximumPayloadBytes
    }

    /// The next frame, or `nil` where more bytes are needed.
    ///
    /// Throws `frame_too_large` as soon as a header says so, `invalid_frame` where reserved bits
    /// are set, `bad_checksum` where header or payload changed on the way.
    public mutating func next() throws(ThalwegError) -> ReceivedFrame? {
        // Safe: both ranges are behind a comparison with what was received.
        let left = received.count - consumed
        guard left >= FrameHeader.size else {
            wanted = FrameHeader.size
            return nil
        }
        let header = try FrameHeader(UnsafeRawBufferPointer(rebasing: received[consumed...]))
        let count = Int(header.payloadCount)
        guard count <= maximumPayloadBytes else {
            throw .exceeded(
                .frameTooLarge,
                "the frame's payload in bytes",
                value: count,
                limit: maximumPayloadBytes,
                advice: "send smaller batches"
            )
        }
        wanted = FrameHeader.size + count
        guard left >= wanted else { return nil }
        let start = consumed + FrameHeader.size
        let payload = UnsafeRawBufferPointer(rebasing: received[start..<start + count])
        guard header.isIntact(payload) else {
            throw ThalwegError(
                .badChecksum,
                "the checksum of a frame of type \(header.rawType) is wrong",
                advice: "reconnect; if it happens again, look for what changes bytes on the way"
            )
        }
        consumed = start + count
        wanted = FrameHeader.size
        return ReceivedFrame(header: header, payload: payload)
    }
}
