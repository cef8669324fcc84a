// A topic's program between the log and the table: writes are staged in log order, judged, and what
// the program wants is applied. A conditional write is staged when all before it are applied, as its
// condition is judged on what they left.
import ThalwegModel
import ThalwegWire

extension TopicState {
    /// Applies the batches of an entry through the program, several in one call. Throws where the
    /// node must stop.
    mutating func applyStream(
        _ reader: inout ByteReader, _ count: Int, through program: any TopicProgram,
        _ outcomes: inout [BatchOutcome]
    ) throws(ThalwegError) {
        for number in 0..<count {
            let batch = try batch(&reader, number)
            outcomes.append(BatchOutcome())
            try take(batch, number, program, &outcomes)
        }
        try runStaged(program, &outcomes)
        noteLines(program)
    }

    private mutating func take(
        _ batch: StreamBatch, _ number: Int, _ program: any TopicProgram,
        _ outcomes: inout [BatchOutcome]
    ) throws(ThalwegError) {
        if batch.isNumbered {
            if let known = try answer(to: batch, program, &outcomes) {
                outcomes[number] = known
                return
            }
        }
        if batch.isOwn {
            try runStaged(program, &outcomes)
            outcomes[number] = run(batch)
        } else if batch.isAtomic, batch.count > 1 || batch.endsEpoch {
            try runStaged(program, &outcomes)
            act(for: batch)
            try runWhole(program, batch, &outcomes[number])
            conclude(batch, &outcomes[number])
            if batch.isNumbered { finish(batch, outcomes[number]) }
        } else {
            staged.open(batch, number: number)
            try stageEach(batch, program, &outcomes)
            staged.close()
            if staged.isFull { try runStaged(program, &outcomes) }
        }
    }

    /// What a session's batch is told that is not applied, its first sending being perhaps among
    /// those staged.
    private mutating func answer(
        to batch: StreamBatch, _ program: any TopicProgram, _ outcomes: inout [BatchOutcome]
    ) throws(ThalwegError) -> BatchOutcome? {
        var judgement = sessions.begin(batch)
        if case .new = judgement { return nil }
        if !staged.isEmpty {
            try runStaged(program, &outcomes)
            judgement = sessions.begin(batch)
        }
        return answer(to: batch, judgement)
    }

    private mutating func stageEach(
        _ batch: StreamBatch, _ program: any TopicProgram, _ outcomes: inout [BatchOutcome]
    ) throws(ThalwegError) {
        var cursor = WriteCursor(batch.writes, keyKind: table.shape.keyKind)
        for position in 0..<Int(batch.count) {
            guard cursor.next() else { return }
            if staged.isFull { try runStaged(program, &outcomes) }
            if cursor.hasExtras, let condition = cursor.condition {
                try runStaged(program, &outcomes)
                let slot = table.find(cursor.key, hash: table.hash.hash(cursor.key))
                guard newestState.holds(condition, slot: slot) else {
                    refuseStaged(position, .conditionFailed)
                    continue
                }
            }
            if let code = flaw(cursor) {
                refuseStaged(position, code)
                continue
            }
            do throws(ThalwegError) {
                try stage(cursor, batch, program)
                staged.append(cursor, place: placeInOpen(position))
            } catch {
                refuseStaged(position, error.code)
            }
        }
    }

    /// Of a write of the open batch.
    private func placeInOpen(_ position: Int) -> Int {
        staged.batches[staged.batches.count - 1].firstPlace + position
    }

    private mutating func refuseStaged(_ position: Int, _ code: ErrorCode) {
        staged.outcomes[placeInOpen(position)] = WriteOutcome(.invalid, code: code)
    }

    /// Gives a write to the program, which runs later. Throws what makes it no write of this topic.
    mutating func stage(
        _ write: borrowing WriteCursor, _ batch: StreamBatch, _ program: any TopicProgram
    ) throws(ThalwegError) {
        inputs += 1
        var input = ProgramWrite(
            .put, source: SourceID(batch.source), offset: inputs,
            time: Timestamp(microseconds: appliedTime), session: batch.session.low,
            key: plain(write.key), value: write.body)
        if write.hasExtras, let metadata = write.metadata { input.metadata = metadata }
        switch write.operation {
        case .assert:
            break
        case .patch:
            guard let layout else { preconditionFailure("a patch of opaque bytes is a flaw") }
            input.operation = .patch
            input.mask = write.mask
            input.value = patched(nil, write, layout)
        case .retract:
            input.operation = .delete
        }
        try program.append(input)
    }

    // MARK: Running

    /// Runs what is staged and applies what comes of it.
    private mutating func runStaged(
        _ program: any TopicProgram, _ outcomes: inout [BatchOutcome]
    ) throws(ThalwegError) {
        guard !staged.isEmpty else { return }
        var first = 0
        var concluded = 0
        let count = staged.writes.count
        while first < count {
            let ran = try program.run(from: first) { key in value(of: key) }
            while let judgement = program.nextJudgement() {
                concludeStaged(before: judgement.index, &concluded, &outcomes)
                let write = staged.writes[judgement.index]
                staged.outcomes[write.place] = carryOut(
                    judgement, write.cursor, staged.batches[write.batch].batch, program)
            }
            first += ran
        }
        concludeStaged(before: count, &concluded, &outcomes)
        staged.clear()
        if count > 0 { program.removeAll() }
    }

    /// Answers the batches whose last staged write stands before `end`.
    private mutating func concludeStaged(
        before end: Int, _ next: inout Int, _ outcomes: inout [BatchOutcome]
    ) {
        while next < staged.batches.count, staged.batches[next].end <= end {
            let done = staged.batches[next]
            var outcome = BatchOutcome()
            for place in done.firstPlace..<done.firstPlace + Int(done.batch.count) {
                outcome.note(staged.outcomes[place], keepsEach: done.batch.wantsEach)
            }
            conclude(done.batch, &outcome)
            if done.batch.isNumbered { finish(done.batch, outcome) }
            outcomes[done.number] = outcome
            next += 1
        }
    }

    /// Applies what the program wants for one write.
    private mutating func carryOut(
        _ judgement: ProgramJudgement, _ write: WriteCursor, _ batch: StreamBatch,
        _ program: any TopicProgram
    ) -> WriteOutcome {
        if let refusal = WriteOutcome(refusalOf: judgement) { return refusal }
        act(for: batch)
        let single = table.sources.single(batch.source)
        // Where the program stores nothing, the write was heard and that is all.
        var outcome = WriteOutcome(.accepted, offset: newestOffset)
        while let act = program.nextAct() {
            carryOut(act, write, batch, single: single, &outcome)
        }
        return outcome
    }

    mutating func carryOut(
        _ act: ProgramAct, _ write: WriteCursor, _ batch: StreamBatch, single: UInt64,
        _ outcome: inout WriteOutcome
    ) {
        switch act {
        case .accept:
            outcome = applyOne(write, batch, single: single, isJudged: true)
        case .put(let key, let value, let metadata):
            let key = encoded(key)
            let hash = table.hash.hash(key)
            noteMetadata(metadata, of: write)
            outcome = put(
                key, slot: table.find(key, hash: hash), hash: hash, row: value, single: single)
        case .delete(let key, let metadata):
            let key = encoded(key)
            let slot = table.find(key, hash: table.hash.hash(key))
            guard slot != 0, table.record(slot).isLive else { return }
            noteMetadata(metadata, of: write)
            let now = delete(slot, reason: batch.reasonOfDeletions, metadata: tail.changes)
            outcome = WriteOutcome(.accepted, at: table.record(now))
        }
    }
}

extension WriteOutcome {
    /// What the writer is told of a write that the program did not take; `nil` of others.
    init?(refusalOf judgement: ProgramJudgement) {
        switch judgement.verdict {
        case .rejected:
            self.init(.rejected, code: .rejected, rejection: judgement.rejection)
        case .failed:
            self.init(.failed, code: .programFailed, rejection: judgement.rejection)
        case .accepted, .unchanged, .invalid:
            return nil
        }
    }
}
