// A topic's program between the log and the table: writes are staged in log order, judged, and what
// the program wants is applied. A conditional write is staged when all before it are applied, as its
// condition is judged on what they left.
import ThalwegModel
import ThalwegWire

/// Writes on their way through the program.
struct StagedWrites {
    struct Write {
        var cursor: WriteCursor
        /// Position in its batch.
        let position: Int
    }

    var writes: [Write] = []
}

extension TopicState {
    /// Runs a batch through the program. Throws where the node must stop.
    mutating func runProgram(
        _ program: any TopicProgram, _ batch: StreamBatch, _ outcome: inout BatchOutcome
    ) throws(ThalwegError) {
        if batch.isAtomic, batch.count > 1 {
            let refused = WriteOutcome(.invalid, code: .notSupported)
            for _ in 0..<batch.count { outcome.note(refused, keepsEach: batch.wantsEach) }
            return
        }
        var outcomes = [WriteOutcome](
            repeating: WriteOutcome(.invalid, code: .invalidBatch), count: Int(batch.count))
        var cursor = WriteCursor(batch.writes, keyKind: table.shape.keyKind)
        for position in 0..<Int(batch.count) {
            guard cursor.next() else { break }
            if cursor.hasExtras, let condition = cursor.condition {
                try flush(program, batch, &outcomes)
                let slot = table.find(cursor.key, hash: table.hash.hash(cursor.key))
                guard newestState.holds(condition, slot: slot) else {
                    outcomes[position] = WriteOutcome(.invalid, code: .conditionFailed)
                    continue
                }
            }
            if let code = flaw(cursor) {
                outcomes[position] = WriteOutcome(.invalid, code: code)
                continue
            }
            do throws(ThalwegError) {
                try stage(cursor, batch, program)
                staged.writes.append(StagedWrites.Write(cursor: cursor, position: position))
            } catch {
                outcomes[position] = WriteOutcome(.invalid, code: error.code)
            }
        }
        try flush(program, batch, &outcomes)
        for each in outcomes { outcome.note(each, keepsEach: batch.wantsEach) }
        noteLines(program)
    }

    private mutating func stage(
        _ write: WriteCursor, _ batch: StreamBatch, _ program: any TopicProgram
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
            input.value = withCurrent(nil, layout) { defaults in
                let size = layout.sizeAfterPatch(
                    defaults, mask: write.mask, values: write.body)
                let target = UnsafeMutableRawBufferPointer(
                    start: rowScratch.take(size), count: size)
                layout.apply(patch: write.body, mask: write.mask, to: defaults, into: target)
                return UnsafeRawBufferPointer(target)
            }
        case .retract:
            input.operation = .delete
        }
        try program.append(input)
    }

    /// Runs what is staged and applies what comes of it.
    private mutating func flush(
        _ program: any TopicProgram, _ batch: StreamBatch, _ outcomes: inout [WriteOutcome]
    ) throws(ThalwegError) {
        guard !staged.writes.isEmpty else { return }
        let single = table.sources.single(batch.source)
        var first = 0
        while first < staged.writes.count {
            let count = try program.run(from: first) { key in value(of: key) }
            while let judgement = program.nextJudgement() {
                let write = staged.writes[judgement.index]
                outcomes[write.position] = carryOut(
                    judgement, write.cursor, batch, single: single, program)
            }
            first += count
        }
        staged.writes.removeAll(keepingCapacity: true)
        program.removeAll()
    }

    /// Applies what the program wants for one write.
    private mutating func carryOut(
        _ judgement: ProgramJudgement, _ write: WriteCursor, _ batch: StreamBatch, single: UInt64,
        _ program: any TopicProgram
    ) -> WriteOutcome {
        switch judgement.verdict {
        case .rejected:
            return WriteOutcome(.rejected, code: .rejected, rejection: judgement.rejection)
        case .failed:
            return WriteOutcome(.failed, code: .programFailed, rejection: judgement.rejection)
        case .accepted, .unchanged, .invalid:
            break
        }
        // Where the program stores nothing, the write was heard and that is all.
        var outcome = WriteOutcome(.accepted, offset: newestOffset)
        while let act = program.nextAct() {
            switch act {
            case .accept:
                outcome = applyOne(write, batch, single: single, isJudged: true)
            case .put(let key, let value):
                let key = encoded(key)
                outcome = put(
                    key, slot: table.find(key, hash: table.hash.hash(key)),
                    hash: table.hash.hash(key), row: value, single: single)
            case .delete(let key):
                let key = encoded(key)
                let slot = table.find(key, hash: table.hash.hash(key))
                guard slot != 0, table.record(slot).isLive else { continue }
                let now = delete(
                    slot, reason: DeletionReason.retracted.rawValue, metadata: tail.changes)
                outcome = WriteOutcome(.accepted, at: table.record(now))
            }
        }
        return outcome
    }

    // MARK: Keys: a program sees strings without their length

    private func plain(_ key: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        table.shape.fixedKeySize != 0 ? key : UnsafeRawBufferPointer(rebasing: key.dropFirst())
    }

    /// The key as the topic encodes it, good until the next call.
    private func encoded(_ key: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer {
        guard table.shape.fixedKeySize == 0 else { return key }
        let bytes = keyScratch.take(key.count + 1)
        bytes.storeBytes(of: UInt8(truncatingIfNeeded: key.count), as: UInt8.self)
        if let start = key.baseAddress {
            (bytes + 1).copyMemory(from: start, byteCount: key.count)
        }
        return UnsafeRawBufferPointer(start: bytes, count: key.count + 1)
    }

    private func value(of key: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        guard table.shape.fixedKeySize == 0 || key.count == table.shape.fixedKeySize,
            key.count <= Limits.stringKeyBytes
        else { return nil }
        let key = encoded(key)
        let slot = table.find(key, hash: table.hash.hash(key))
        guard slot != 0, table.record(slot).isLive else { return nil }
        return table.shape.row(table.record(slot))
    }

    /// Says of a key and value whether a record of this topic can have them.
    func outputCheck() -> ProgramOutputCheck {
        let kind = table.shape.keyKind
        let size = table.shape.fixedKeySize
        let layout = layout
        return { key, value in
            if kind == .string {
                guard key.count <= Limits.stringKeyBytes,
                    String(validating: key, as: UTF8.self) != nil
                else { return false }
            } else if key.count != size {
                return false
            }
            guard let layout else { return value.count <= Limits.rowBytes }
            return layout.check(value) != .invalid
        }
    }

    // MARK: Deploying

    /// Puts a program into the topic. Throws the reason why it was refused; then all is as before.
    mutating func deploy(
        _ deployment: ProgramDeployment, time: Int64, _ programs: (any TopicPrograms)?
    ) throws(ThalwegError) {
        guard isStream else {
            throw ThalwegError(
                .invalidOptions, "a topic with a window cannot have a program",
                advice: "create a topic whose writes are every")
        }
        guard let programs else { throw TopicState.withoutPrograms }
        let running = try programs.deploy(
            deployment.module, arguments: deployment.arguments, accepts: outputCheck())
        if deployment.loadsRecords { try load(running) }
        program = DeployedProgram(deployment: deployment, deployedAt: time, running: running)
    }

    private func load(_ running: any TopicProgram) throws(ThalwegError) {
        var slots: [UInt32] = []
        table.changes.walk(after: 0) { offset, slot in
            if table.record(slot).isLast(offset), table.record(slot).isLive { slots.append(slot) }
            return true
        }
        slots.sort {
            KeyOrder.isBefore(
                table.shape.key(table.record($0)), table.shape.key(table.record($1)),
                table.shape.keyKind)
        }
        for slot in slots {
            let record = table.record(slot)
            try running.append(
                ProgramWrite(
                    .put, offset: 0, time: Timestamp(microseconds: appliedTime),
                    key: plain(table.shape.key(record)), value: table.shape.row(record)))
        }
        try running.loadRecords()
        running.removeAll()
    }

    static var withoutPrograms: ThalwegError {
        ThalwegError(
            .programEngineMissing, "this server runs no programs",
            advice: "install the program engine, see docs/programs.md")
    }

    private mutating func noteLines(_ running: any TopicProgram) {
        let lines = running.takeLines()
        guard !lines.isEmpty else { return }
        program?.lines.append(contentsOf: lines)
        let surplus = (program?.lines.count ?? 0) - DeployedProgram.keptLines
        if surplus > 0 { program?.lines.removeFirst(surplus) }
    }
}
