import ThalwegModel

extension TopicState {
    // MARK: A leader's own window

    /// Applies the oldest sealed window, whose entry is durable now.
    mutating func applySealed() {
        let number = appliedNumber + 1
        precondition(number < openNumber, "only a sealed window is applied")
        let window = window(number)
        precondition(!window.pointee.isEmpty, "a window without an entry is not applied")
        appliedTime = window.pointee.sealedAt
        beginTail(metadata: window.pointee.metadata)
        let wantsAnswers = window.pointee.wantsAnswers
        for index in 0..<window.pointee.count {
            prefetchRecord(of: index + TopicState.lookahead, in: window)
            applyOne(window.pointee.entries + index, index)
            // While its record is at hand: nothing after this entry asks for it.
            settle(window, index, wantsAnswers)
        }
        endEntry()
    }

    /// As `applySealed`, of a window in which nothing changed in the end.
    private mutating func settle(_ window: UnsafeMutablePointer<PendingWindow>) {
        let wantsAnswers = window.pointee.wantsAnswers
        for index in 0..<window.pointee.count {
            prefetchRecord(of: index + TopicState.lookahead, in: window)
            settle(window, index, wantsAnswers)
        }
    }

    /// Notes what answers must tell of an entry's record, and lets go of it.
    @inline(__always) private mutating func settle(
        _ window: UnsafeMutablePointer<PendingWindow>, _ index: Int, _ wantsAnswers: Bool
    ) {
        if wantsAnswers {
            let record = table.record(window.pointee.entries[index].slot)
            window.pointee.answers.append((record.lastChange, record.version))
        }
        release(window, index, committed: committed(window, index))
    }

    /// Who asserts the record of an entry when its window is applied.
    @inline(__always) private func committed(
        _ window: UnsafeMutablePointer<PendingWindow>, _ index: Int
    ) -> UInt64 {
        let entry = window.pointee.entries + index
        return switch entry.pointee.outcome.net {
        case .nothing: window.pointee.committed[index]
        case .upsert, .membership: entry.pointee.sources
        case .delete: SourceSets.empty
        }
    }

    @inline(__always) private mutating func applyOne(
        _ entry: UnsafeMutablePointer<PendingEntry>, _ index: Int
    ) {
        let slot = entry.pointee.slot
        switch entry.pointee.outcome.net {
        case .nothing:
            return
        case .upsert:
            upsert(slot, row: row(entry), sources: entry.pointee.sources, metadata: index)
        case .membership:
            // `settle` notes who it is.
            capture(slot, keepsOffset: true)
        case .delete:
            delete(slot, reason: entry.pointee.outcome.reason, metadata: index)
        }
    }

    // MARK: An entry from the log

    /// Applies a window entry by key: recovery, and nodes that did not cut it.
    mutating func applyWindow(
        _ reader: inout ByteReader, time: Int64
    ) throws(ThalwegError) {
        precondition(inFlight == 0 && isOpenEmpty, "a node with windows applies its own")
        lastTime = max(lastTime, time)
        appliedTime = lastTime
        beginTail(metadata: [:])
        let count = Int(try reader.integer(UInt32.self))
        var batch = ReplayBatch(capacity: min(count, ReplayBatch.limit))
        var index = 0
        while index < count {
            try batch.read(&reader, count: min(count - index, ReplayBatch.limit), table)
            for position in batch.indices {
                let (change, hash) = batch.change(position)
                if notesMetadata, let metadata = change.metadata {
                    tail.metadata[index] = Array(metadata)
                }
                try apply(change, hash, slot: batch.find(position, table), index)
                index += 1
            }
        }
        counters.entries += 1
        endEntry()
    }

    private mutating func apply(
        _ change: NetChange, _ hash: UInt64, slot: UInt32, _ index: Int
    ) throws(ThalwegError) {
        var slot = slot
        switch change.operation {
        case WindowOperation.upsert:
            if slot == 0 {
                slot = table.insertProvisional(change.key, hash: hash, room: change.row.count)
            }
            upsert(
                slot, row: change.row, sources: table.sources.word(change.sources),
                metadata: index)
        case WindowOperation.membership:
            guard slot != 0 else { throw TopicState.strangeEntry("a membership without a record") }
            capture(slot, keepsOffset: true)
            table.record(slot).word2 = table.sources.word(change.sources)
        default:
            guard slot != 0, table.record(slot).isLive else {
                throw TopicState.strangeEntry("a deletion without a record")
            }
            delete(slot, reason: change.reason, metadata: index)
        }
    }

    static func strangeEntry(_ what: String) -> ThalwegError {
        ThalwegError(
            .logDamaged, "an entry holds \(what)",
            advice: "restore from a snapshot or backup, or refetch from another node")
    }

    // MARK: The three operations, with what readers want to know of them

    @inline(__always) @discardableResult mutating func upsert(
        _ slot: UInt32, row: UnsafeRawBufferPointer, sources: UInt64, metadata index: Int
    ) -> UInt32 {
        capture(slot)
        if tail.isWanted {
            noteTail(slot, row: row, sources: sources, isDelete: false, metadata: index)
        }
        if keepsHistory { noteHistory(slot, row: row, sources: sources, metadata: index) }
        tail.changes += 1
        let moved = table.upsert(slot, row: row, sources: sources)
        if moved != slot { follow(slot, to: moved) }
        return moved
    }

    @inline(__always) @discardableResult mutating func delete(
        _ slot: UInt32, reason: UInt8, metadata index: Int
    ) -> UInt32 {
        capture(slot)
        if tail.isWanted {
            noteTail(
                slot, row: .empty, sources: SourceSets.empty, isDelete: true, metadata: index)
        }
        if keepsHistory { noteDeletion(slot, reason: reason, metadata: index) }
        tail.changes += 1
        let moved = table.delete(slot, reason: reason, time: appliedTime)
        if moved != slot { follow(slot, to: moved) }
        return moved
    }

    /// Before a change: a walk that has not reached the record takes it as it was.
    @inline(__always) mutating func capture(_ slot: UInt32, keepsOffset: Bool = false) {
        if let walks { capture(slot, for: walks, keepsOffset: keepsOffset) }
    }

    mutating func endEntry() {
        let retention = Int64(
            clamping: definition.options.tombstoneRetentionMicroseconds)
        while true {
            // What the history tells needs it: the way back to what the record was leads over it.
            let slot = table.expiredTombstone(
                before: appliedTime &- retention,
                below: keepsHistory ? firstKept : .max)
            if slot == 0 { break }
            capture(slot)
            table.purgeTombstone(slot)
        }
        table.tidy()
        if !history.isEmpty { history.trim(definition.options.history, now: appliedTime) }
        counters.changes = table.changes.last
        // A replaced table that a walk still reads has sets of its own.
        if table.sources.wantsSweep, walks?.needFrozenTable != true { sweepSources() }
    }

    mutating func sweepSources() {
        table.sources.beginMarking()
        for part in 0..<KeyIndex.partsInAll {
            table.index.forEach(inPart: part) { slot in
                table.sources.mark(table.record(slot).word2)
            }
        }
        for number in appliedNumber + 1...openNumber {
            let window = window(number)
            for index in 0..<window.pointee.count {
                table.sources.mark(window.pointee.entries[index].sources)
                table.sources.mark(window.pointee.committed[index])
            }
        }
        table.sources.sweep()
    }

    mutating func finishRestore(last: UInt64, horizon: UInt64, versionFloor: UInt64) {
        table.restoreCounters(last: last, horizon: horizon, versionFloor: versionFloor)
    }

    // MARK: Answers

    /// Takes the tickets of every window that is done, oldest first. Called after `applySealed`
    /// and after a `seal` without an entry.
    mutating func takeCompletions(appliedOne: Bool) -> [Completion] {
        var completions: [Completion] = []
        if appliedOne { finish(&completions) }
        while appliedNumber + 1 < openNumber, window(appliedNumber + 1).pointee.isEmpty {
            settle(window(appliedNumber + 1))
            finish(&completions)
        }
        return completions
    }

    private mutating func finish(_ completions: inout [Completion]) {
        let window = window(appliedNumber + 1)
        for ticket in window.pointee.tickets {
            completions.append(
                Completion(
                    token: ticket.token, lastOffset: Offset(table.changes.last),
                    counts: ticket.counts, results: ticket.each.map { outcome($0, window) }))
        }
        window.pointee.tickets.removeAll(keepingCapacity: true)
        finishWindow()
    }

    private func outcome(
        _ merged: MergedWrite, _ window: UnsafeMutablePointer<PendingWindow>
    ) -> WriteOutcome {
        switch merged {
        case .invalid(let code):
            return WriteOutcome(.invalid, code: code)
        case .unchanged(let index), .pending(let index):
            guard index >= 0 else { return WriteOutcome(.unchanged) }
            let entry = window.pointee.entries[index]
            var isAccepted = entry.outcome.net != .nothing
            if case .unchanged = merged { isAccepted = false }
            return WriteOutcome(
                isAccepted ? .accepted : .unchanged,
                offset: Offset(window.pointee.answers[index].offset),
                version: RecordVersion(window.pointee.answers[index].version))
        }
    }
}
