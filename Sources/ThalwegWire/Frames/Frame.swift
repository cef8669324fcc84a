public import ThalwegModel

/// Whole frames as byte arrays, for the cold paths: requests, answers, errors.
public enum Frame {
    /// The frame of one message.
    ///
    /// Throws what the message's `check` throws, or `frame_too_large`.
    public static func bytes<M: Message>(
        _ message: M,
        requestID: UInt32,
        maximumPayloadBytes: Int = Limits.frameBytes
    ) throws(ThalwegError) -> [UInt8] {
        try message.check()
        var writer = start()
        message.encode(into: &writer)
        let count = writer.bytes.count - FrameHeader.size
        guard count <= maximumPayloadBytes else {
            throw .exceeded(
                .frameTooLarge,
                "the frame's payload in bytes",
                value: count,
                limit: maximumPayloadBytes,
                advice: "ask for less in one request"
            )
        }
        return finish(writer, M.frameType, requestID)
    }

    /// The frame of a message without content.
    public static func bytes<M: EmptyMessage>(_ message: M, requestID: UInt32) -> [UInt8] {
        finish(start(), M.frameType, requestID)
    }

    /// The frame that reports `error`; texts too long for it are cut.
    public static func bytes(_ error: ThalwegError, requestID: UInt32) -> [UInt8] {
        var writer = start()
        ErrorMessage(error).encode(into: &writer)
        return finish(writer, .error, requestID)
    }

    /// The frame of a payload that `build` writes: sixteen bytes are kept free in front of it and
    /// filled in afterwards, so nothing is copied.
    public static func bytes<Failure: Error>(
        _ type: FrameType,
        requestID: UInt32,
        reserving capacity: Int = 48,
        _ build: (inout ByteWriter) throws(Failure) -> Void
    ) throws(Failure) -> [UInt8] {
        var writer = start(reserving: capacity)
        try build(&writer)
        return finish(writer, type, requestID)
    }

    /// Gives a numbered `write` frame its numbers: it was packed before they were known.
    ///
    /// - Parameter frame: the whole frame.
    public static func setNumbering(
        _ numbering: WriteNumbering,
        in frame: UnsafeMutableRawBufferPointer
    ) {
        let place = FrameHeader.size + WriteBatchHeader.size
        precondition(
            frame.count >= place + WriteNumbering.size
                && frame[FrameHeader.size + 5] & WriteBatchHeader.numberedFlag != 0,
            "only a numbered write frame has numbers")
        // Safe: the precondition keeps the stores in bounds.
        frame.storeBytes(
            of: numbering.number.littleEndian, toByteOffset: place, as: UInt64.self)
        frame.storeBytes(
            of: numbering.answered.littleEndian, toByteOffset: place + 8, as: UInt64.self)
        let requestID = UInt32(
            littleEndian: frame.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
        FrameHeader(
            .write, requestID: requestID, payloadCount: frame.count - FrameHeader.size,
            payloadChecksum: checksum(
                of: UnsafeRawBufferPointer(rebasing: frame[FrameHeader.size...]))
        ).encode(into: frame)
    }

    private static func start(reserving capacity: Int = 48) -> ByteWriter {
        var writer = ByteWriter(reserving: FrameHeader.size + capacity)
        writer.integer(UInt64(0))
        writer.integer(UInt64(0))
        return writer
    }

    private static func finish(
        _ writer: consuming ByteWriter,
        _ type: FrameType,
        _ requestID: UInt32
    ) -> [UInt8] {
        let header = writer.bytes.withUnsafeBytes { bytes in
            FrameHeader(
                type,
                requestID: requestID,
                payloadCount: bytes.count - FrameHeader.size,
                payloadChecksum: checksum(
                    of: UnsafeRawBufferPointer(rebasing: bytes[FrameHeader.size...])
                )
            )
        }
        writer.patch(header.payloadCount, at: 0)
        writer.patch(header.rawType, at: 4)
        writer.patch(header.requestID, at: 8)
        writer.patch(header.checksum, at: 12)
        return writer.bytes
    }
}
