public import ThalwegModel

/// Running batches.
extension Program {
    /// Runs the program on writes of `batch` from index `first`, as many as one call takes.
    ///
    /// The step says how many; apply its results, then call again for the rest until the batch is
    /// done. A program that reads records must find them applied when it is called again. A write that
    /// fails is a result, not an error: this throws only where the program can never run again, and
    /// the node should stop.
    public func run(
        _ batch: ProgramBatch, from first: Int = 0
    ) throws(ThalwegError) -> ProgramStep {
        precondition(first < batch.count, "a batch has no write \(first)")
        if let broken { throw broken }
        guard !counters.isFaulting else {
            return ProgramStep(first: first, count: batch.count - first, fault: .faulting)
        }
        if isCheckpointStale { takeCheckpoint() }
        let fitting =
            oneByOne > 0 ? 1 : batch.fitting(from: first, alone: module.prepared.readsRecords)
        let lines = imports.lines.count
        do throws(Trap) {
            return try attempt(batch, first, fitting)
        } catch {
            try rollBack()
            if fitting == 1 { return fail(batch, first, error) }
        }
        imports.lines.removeSubrange(min(lines, imports.lines.count)...)
        oneByOne = fitting
        do throws(Trap) {
            return try attempt(batch, first, 1)
        } catch {
            try rollBack()
            return fail(batch, first, error)
        }
    }

    /// One call into the program, whose traces are complete or to be rolled back.
    private func attempt(
        _ batch: ProgramBatch, _ first: Int, _ count: Int
    ) throws(Trap) -> ProgramStep {
        let frames = batch.frames(first, count)
        let answers = imports.answers.byteCount
        imports.answersOfCall = answers
        let consumed: Int
        let output: UnsafeRawBufferPointer
        let summary: OutputCheck.Summary
        do throws(Trap) {
            (consumed, output) = try call(frames, count)
            summary = try OutputCheck(limits: limits, accepts: accepts)
                .check(output, consumed: consumed, given: count)
            if summary.undoes && count > 1 { throw Trap(fault: .other, text: "undo") }
        } catch {
            imports.answers.truncate(answers)
            throw error
        }
        counters.writes += UInt64(consumed)
        counters.rejected += UInt64(summary.rejected)
        counters.frames += UInt64(summary.frames)
        oneByOne = max(0, oneByOne - consumed)
        guard !summary.undoes else {
            imports.answers.truncate(answers)
            return try undo(first, output)
        }
        checkpoint.note(frames, count: count)
        if isCheckpointDue, trial == nil { takeCheckpoint() }
        return ProgramStep(first: first, count: consumed, output: output)
    }

    /// The calls of one attempt: in the input buffer, or in a place of its own for a large write.
    private func call(
        _ frames: UnsafeRawBufferPointer, _ count: Int
    ) throws(Trap) -> (Int, UnsafeRawBufferPointer) {
        instance.setFuel(limits.fuelPerWrite)
        if module.prepared.readsRecords { imports.overlay.begin(frames) }
        guard frames.count > ProgramLimits.inputBytes else {
            instance.write(frames, at: instance.inputAt)
            let (consumed, bytes) = try instance.batch(at: instance.inputAt, count: count)
            return (consumed, instance.output(bytes))
        }
        guard let place = try instance.reserve(frames.count) else {
            throw Trap(
                fault: .writeTooLarge,
                text: "the write has \(frames.count) bytes and the program has no place for it")
        }
        instance.write(frames, at: place)
        let (consumed, bytes) = try instance.batch(at: place, count: count)
        try instance.release(place)
        return (consumed, instance.output(bytes))
    }

    /// The result of a single write that asked to be rolled back.
    private func undo(
        _ first: Int, _ output: UnsafeRawBufferPointer
    ) throws(Trap) -> ProgramStep {
        kept.truncate(0)
        if let source = output.baseAddress { kept.append(source, output.count) }
        do throws(ThalwegError) {
            try rollBack()
        } catch {
            throw Trap(fault: .other, text: error.message)
        }
        return ProgramStep(
            first: first, count: 1,
            output: UnsafeRawBufferPointer(start: kept.base, count: kept.count))
    }

    private func fail(_ batch: ProgramBatch, _ first: Int, _ trap: Trap) -> ProgramStep {
        counters.writes += 1
        counters.note(trap.fault, limits)
        oneByOne = max(0, oneByOne - 1)
        imports.add(
            line: "write \(batch.offset(first)) failed with \(trap.fault.name): "
                + trap.text.prefix(ProgramLimits.messageBytes))
        return ProgramStep(first: first, count: 1, fault: trap.fault)
    }

    // MARK: Checkpoints

    /// Writes after which a checkpoint is taken.
    private static let writesPerCheckpoint = 250_000
    /// Bytes of input after which a checkpoint is taken, or as many as the program has memory.
    private static let bytesPerCheckpoint = 16 << 20

    var isCheckpointDue: Bool {
        checkpoint.writes >= Self.writesPerCheckpoint
            || checkpoint.frames.count + imports.answers.byteCount
                > max(Self.bytesPerCheckpoint, checkpoint.memoryBytes)
    }

    func takeCheckpoint() {
        checkpoint.take(from: instance)
        imports.answers.truncate(0)
        isCheckpointStale = false
    }

    /// Makes the program as it was after the last good call.
    func rollBack() throws(ThalwegError) {
        if let broken { throw broken }
        do throws(ThalwegError) {
            if instance.memoryBytes > checkpoint.memoryBytes {
                instance = try ProgramInstance(module, imports: imports, limits: limits)
                imports.instance = instance
            }
            try checkpoint.restore(to: instance)
            let nanoseconds = try repeatCalls()
            // Copying costs about an eighth of a nanosecond a byte. If the calls since the checkpoint
            // cost more than a new one, the next roll-back should not make them again.
            if trial == nil, nanoseconds > checkpoint.memoryBytes / 8 { takeCheckpoint() }
        } catch {
            broken = error
            throw error
        }
    }

    /// Makes the calls since the checkpoint again; gives what they cost, roughly.
    private func repeatCalls() throws(ThalwegError) -> Int {
        imports.isReplaying = true
        imports.answers.rewind()
        defer { imports.isReplaying = false }
        var nanoseconds = 0
        for made in checkpoint.calls {
            do throws(Trap) {
                _ = try call(checkpoint.bytes(of: made), made.count)
            } catch {
                throw ThalwegError(
                    .programFailed,
                    "a call that went well before now fails with \(error.fault.name): \(error.text)",
                    advice: "restore this node from another; the engine is not deterministic here")
            }
            nanoseconds += 300 + Int(clamping: (limits.fuelPerWrite - instance.fuel) / 4)
        }
        return nanoseconds
    }
}
