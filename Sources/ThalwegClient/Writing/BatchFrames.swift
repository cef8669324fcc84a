internal import NIOCore

/// Cuts a batch's writes into frames that a server takes.
struct BatchFrames {
    let topic: TopicID
    let keyKind: KeyKind
    let acknowledgement: Acknowledgement
    /// Room is left for the numbers that a session gives its writes.
    let isNumbered: Bool
    /// Bytes of one frame's payload.
    let maximumBytes: Int
    /// Writes in one frame.
    let maximumWrites: Int

    init(
        _ topic: TopicID,
        keyKind: KeyKind,
        _ acknowledgement: Acknowledgement,
        isNumbered: Bool,
        _ welcome: Welcome
    ) {
        self.isNumbered = isNumbered
        self.topic = topic
        self.keyKind = keyKind
        self.acknowledgement = acknowledgement
        maximumBytes =
            Int(welcome.maximumFrameBytes) - (isNumbered ? WriteNumbering.size : 0)
        let writes = Int(welcome.maximumWritesPerBatch)
        maximumWrites =
            acknowledgement == .committedEach ? min(writes, Committed.maximumResults) : writes
    }

    func fits(byteCount: Int, count: Int) -> Bool {
        byteCount <= maximumBytes && count <= maximumWrites
    }

    /// Frames of the writes behind `batch`'s header, in order.
    ///
    /// - Parameters:
    ///   - batch: a whole `write` frame.
    ///   - isAtomic: it must stay one frame.
    ///   - nextID: the request id of each frame.
    /// - Throws: `frame_too_large` for an atomic batch, `record_too_large` for one write, that the
    ///   server cannot take.
    func cut(
        _ batch: UnsafeRawBufferPointer,
        isAtomic: Bool,
        nextID: () -> UInt32
    ) throws(ThalwegError) -> [(id: UInt32, frame: ByteBuffer, writes: Int)] {
        let headSize = FrameHeader.size + WriteBatchHeader.size
        let writes = UnsafeRawBufferPointer(rebasing: batch[headSize...])
        var cursor = WriteCursor(writes, keyKind: keyKind)
        var frames: [(id: UInt32, frame: ByteBuffer, writes: Int)] = []
        var start = 0
        var end = 0
        var count = 0
        func finish() {
            guard count > 0 else { return }
            let part = UnsafeRawBufferPointer(rebasing: writes[start..<end])
            let id = nextID()
            frames.append((id, frame(part, count: count, isAtomic: isAtomic, id: id), count))
            start = end
            count = 0
        }
        while !cursor.isAtEnd {
            let before = end
            guard cursor.next() else {
                preconditionFailure("a batch that this program packed has a malformed write")
            }
            end = position(behind: cursor, in: writes, from: before)
            guard end - before + WriteBatchHeader.size <= maximumBytes else {
                throw .exceeded(
                    .recordTooLarge,
                    "the size of one write in bytes",
                    value: end - before,
                    limit: maximumBytes - WriteBatchHeader.size,
                    advice: "write a smaller record or raise the server's frame limit"
                )
            }
            if !fits(byteCount: end - start + WriteBatchHeader.size, count: count + 1) {
                guard !isAtomic else {
                    throw .exceeded(
                        .frameTooLarge,
                        "the size of an atomic batch in bytes",
                        value: batch.count - FrameHeader.size,
                        limit: maximumBytes,
                        advice: "put fewer writes into it: an atomic batch is one frame of at most "
                            + "\(maximumWrites) writes"
                    )
                }
                let next = end
                end = before
                finish()
                end = next
            }
            count += 1
        }
        finish()
        return frames
    }

    // Safe: the cursor lends parts of `writes`, and the last part of a write ends it.
    private func position(
        behind cursor: WriteCursor,
        in writes: UnsafeRawBufferPointer,
        from before: Int
    ) -> Int {
        guard let base = writes.baseAddress else { return before }
        if cursor.operation != .retract, let body = cursor.body.baseAddress {
            return body - base + cursor.body.count
        }
        if let metadata = cursor.metadata, let start = metadata.baseAddress {
            return start - base + metadata.count
        }
        guard let key = cursor.key.baseAddress else { return before }
        return key - base + cursor.key.count + (cursor.condition == nil ? 0 : 9)
    }

    private func frame(
        _ writes: UnsafeRawBufferPointer,
        count: Int,
        isAtomic: Bool,
        id: UInt32
    ) -> ByteBuffer {
        let bytes = Frame.bytes(
            .write,
            requestID: acknowledgement == .none ? 0 : id,
            reserving: WriteBatchHeader.size + WriteNumbering.size + writes.count
        ) { writer in
            writer.integer(topic.rawValue)
            writer.integer(acknowledgement.rawValue)
            writer.integer(
                (isAtomic ? WriteBatchHeader.atomicFlag : 0)
                    | (isNumbered ? WriteBatchHeader.numberedFlag : UInt8(0)))
            writer.integer(UInt16(0))
            writer.integer(UInt32(count))
            if isNumbered {
                // Filled in when the frame gets its turn.
                writer.integer(UInt64(0))
                writer.integer(UInt64(0))
            }
            writer.raw(writes)
        }
        return ByteBuffer(bytes: bytes)
    }
}
