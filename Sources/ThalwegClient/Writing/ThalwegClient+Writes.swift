internal import NIOCore

extension ThalwegClient {
    /// Sends a batch and waits for as much as it asks for. It is empty afterwards.
    ///
    /// With `none` it waits only while the socket is full. Throws `connection_lost` or `timed_out`
    /// where no answer came: then it is not known whether the batch was carried out, and it keeps
    /// its writes. Writes that the server refuses do not throw: the answer counts them.
    ///
    /// - Parameter acknowledgement: in place of the batch's own.
    @discardableResult
    public func write(
        _ batch: inout Batch,
        acknowledgement: Acknowledgement? = nil
    ) async throws(ThalwegError) -> WriteAnswer {
        let mode = acknowledgement ?? batch.acknowledgement
        var answer = WriteAnswer(acknowledgement: mode, writes: batch.count)
        if mode == .committed || mode == .committedEach { answer.counts = VerdictCounts() }
        guard batch.count > 0 else { return answer }
        let known = try await resolve(batch.topic)
        let isSequenced = try await isSequenced(mode, known)
        for part in try frames(&batch, mode, isNumbered: isSequenced, known) {
            let request = Request(
                id: part.id,
                frame: part.frame,
                kind: mode == .none || mode == .received
                    ? .unconfirmedWrite
                    : isSequenced
                        ? .sequencedWrite(known.info.id, writes: part.writes) : .committedWrite,
                expects: ThalwegClient.answerType(mode)
            )
            let told = try await core.ask(request)
            if told.type == .committed { answer.add(try told.decode(Committed.self)) }
        }
        batch.removeAll()
        return answer
    }

    /// One write of a row, committed. Throws the error of a write that the server refused.
    @discardableResult
    public func put(
        _ topic: Topic,
        _ key: Key,
        row: [UInt8],
        if condition: WriteCondition? = nil,
        metadata: [UInt8]? = nil
    ) async throws(ThalwegError) -> WriteResult {
        var batch = Batch(topic, acknowledgement: .committedEach)
        try batch.assert(key, row: row, if: condition, metadata: metadata)
        return try await only(&batch)
    }

    /// One patch, committed. Throws the error of a write that the server refused.
    @discardableResult
    public func patch(
        _ topic: Topic,
        _ key: Key,
        mask: UInt64,
        values: [UInt8],
        if condition: WriteCondition? = nil,
        metadata: [UInt8]? = nil
    ) async throws(ThalwegError) -> WriteResult {
        var batch = Batch(topic, acknowledgement: .committedEach)
        try batch.patch(key, mask: mask, values: values, if: condition, metadata: metadata)
        return try await only(&batch)
    }

    /// One retraction, committed. Throws the error of a write that the server refused.
    @discardableResult
    public func retract(
        _ topic: Topic,
        _ key: Key,
        if condition: WriteCondition? = nil
    ) async throws(ThalwegError) -> WriteResult {
        var batch = Batch(topic, acknowledgement: .committedEach)
        try batch.retract(key, if: condition)
        return try await only(&batch)
    }

    /// The result of a batch of one write.
    func only(_ batch: inout Batch) async throws(ThalwegError) -> WriteResult {
        let answer = try await write(&batch, acknowledgement: .committedEach)
        guard answer.results.count == 1 else {
            throw ThalwegError(
                .invalidFrame,
                "one write was answered with \(answer.results.count) results"
            )
        }
        let result = answer.results[0]
        if let rejection = result.rejection {
            throw ThalwegError(
                result.error ?? .rejected,
                "the program of topic '\(batch.topic.name)' refused the write with code "
                    + "\(rejection.code): \(rejection.message)",
                value: UInt64(rejection.code)
            )
        }
        if let code = result.error {
            throw ThalwegError(
                code,
                "the write to topic '\(batch.topic.name)' was refused: \(code.name)"
            )
        }
        return result
    }

    /// Whether the session numbers the writes: those that are answered when they are committed, to
    /// a topic that keeps every one.
    private func isSequenced(
        _ mode: Acknowledgement,
        _ known: Topic.Known
    ) async throws(ThalwegError) -> Bool {
        guard mode == .committed || mode == .committedEach,
            case .every = known.info.definition.options.writes
        else { return false }
        if await core.hasSequence(known.info.id) { return true }
        let answer = try await ask(
            DescribeSession(known.info.id), expecting: .sessionInfo, kind: .repeatable)
        core.beginSequence(known.info.id, next: try answer.decode(SessionInfo.self).next)
        return true
    }

    private func frames(
        _ batch: inout Batch,
        _ mode: Acknowledgement,
        isNumbered: Bool,
        _ known: Topic.Known
    ) throws(ThalwegError) -> [(id: UInt32, frame: ByteBuffer, writes: Int)] {
        guard let welcome else { throw ConnectionState.closedError }
        guard known.info.definition.keyKind == batch.keyKind else {
            throw ThalwegError(
                .schemaMismatch,
                "topic '\(batch.topic.name)' was made again with other keys",
                advice: "open the topic again"
            )
        }
        let cutter = BatchFrames(
            known.info.id, keyKind: batch.keyKind, mode, isNumbered: isNumbered, welcome)
        let isAtomic = batch.isAtomic
        let count = batch.count
        if !isNumbered, known.info.id == batch.topicID, mode == batch.acknowledgement,
            cutter.fits(byteCount: batch.byteCount, count: count)
        {
            let id = core.nextRequestID()
            let frame = batch.withFrame(requestID: mode == .none ? 0 : id) { ByteBuffer(bytes: $0) }
            return [(id, frame, count)]
        }
        let result = batch.withFrame(requestID: 0) { bytes in
            do throws(ThalwegError) {
                return Result<_, ThalwegError>.success(
                    try cutter.cut(bytes, isAtomic: isAtomic, nextID: core.nextRequestID)
                )
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private static func answerType(_ mode: Acknowledgement) -> FrameType? {
        switch mode {
        case .none: nil
        case .received: .received
        case .committed, .committedEach: .committed
        }
    }
}
