import CThalwegShims
public import ThalwegModel
import ThalwegWire

/// A write taken apart, on its way through a chunk of the batch.
struct DecodedWrite {
    /// Writes that are decoded, then looked up, then merged together, so that the cache lines of
    /// one are on their way while another is worked on.
    static let chunk = 32

    var hash: UInt64 = 0
    var mask: UInt64 = 0
    var key = UnsafeRawBufferPointer.empty
    var body = UnsafeRawBufferPointer.empty
    var operation = WriteOperation.assert
    /// Position in the chunk's extras, or -1.
    var extra: Int32 = -1
    /// The slot that is likely the record's: found while prefetching, checked before it is believed.
    var candidate: UInt32 = 0
    /// The newest pending entry of that record, for prefetching alone: merging may replace it.
    var newest: UnsafeMutablePointer<PendingEntry>?
}

/// The parts that few writes have.
struct WriteExtra {
    var condition: WriteCondition?
    var metadata: UnsafeRawBufferPointer?
}

/// What became of a batch when it was merged.
public struct MergeOutcome: Sendable {
    public var accepted: UInt32 = 0
    public var unchanged: UInt32 = 0
    public var invalid: UInt32 = 0
    /// Writes whose verdict is found when they are applied.
    public var queued: UInt32 = 0
    /// Why the first invalid write was one.
    public var firstCode: ErrorCode?
    /// A malformed write ended the batch: the bytes behind it mean nothing.
    public var isCutShort = false
}

extension TopicState {
    /// Merges a batch into the open window.
    ///
    /// - Parameters:
    ///   - writes: the batch behind its header; lent for the call.
    ///   - source: who writes.
    ///   - time: now, for the window's deadline and for liveness of records.
    ///   - each: filled with one outcome a write, where the writer wants them.
    mutating func merge(
        _ writes: UnsafeRawBufferPointer, count: Int, source: UInt16, time: Int64,
        isAtomic: Bool, each: UnsafeMutablePointer<[MergedWrite]>?
    ) -> MergeOutcome {
        var outcome = MergeOutcome()
        if isAtomic, let code = judge(writes, count: count) {
            outcome.invalid = UInt32(count)
            outcome.firstCode = code
            each?.pointee = Array(repeating: .invalid(code), count: count)
            return outcome
        }
        if open.pointee.openedAt == 0 { open.pointee.openedAt = time }
        // Unmanaged, so that nothing below counts references; the topic holds it.
        let layout = layout.map { Unmanaged.passUnretained($0) }
        let single = table.sources.single(source)
        let tick = UInt32(truncatingIfNeeded: time >> TopicState.tickShift)
        var cursor = WriteCursor(writes, keyKind: table.shape.keyKind)
        var left = count
        var extras: [WriteExtra] = []
        let epoch = epochs.isEmpty ? nil : epochs[source]
        while left > 0, !outcome.isCutShort {
            let size = min(left, DecodedWrite.chunk)
            let found = decode(&cursor, size, &extras)
            outcome.isCutShort = found < size
            let window = open
            window.pointee.reserve(found)
            prefetch(found)
            var refused: UInt64 = 0
            for position in 0..<found {
                let merged = mergeOne(
                    decoded + position, window, extras: extras, layout: layout, single: single,
                    tick: tick, isJudged: isAtomic)
                switch merged {
                case .pending: outcome.accepted += 1
                case .unchanged: outcome.unchanged += 1
                case .invalid(let code):
                    outcome.invalid += 1
                    refused |= 1 << UInt64(position)
                    if outcome.firstCode == nil { outcome.firstCode = code }
                }
                each?.pointee.append(merged)
            }
            if let epoch { markEpoch(epoch, found, refused: refused) }
            left -= found
        }
        if outcome.isCutShort {
            outcome.invalid += UInt32(left)
            if outcome.firstCode == nil { outcome.firstCode = .invalidBatch }
            each?.pointee.append(
                contentsOf: repeatElement(.invalid(.invalidBatch), count: left))
        }
        counters.writes += UInt64(count)
        counters.unchanged += UInt64(outcome.unchanged)
        counters.invalid += UInt64(outcome.invalid)
        return outcome
    }

    /// Takes up to `size` writes apart and asks for the cache lines of their index cells.
    @inline(__always) private mutating func decode(
        _ cursor: inout WriteCursor, _ size: Int, _ extras: inout [WriteExtra]
    ) -> Int {
        if !extras.isEmpty { extras.removeAll(keepingCapacity: true) }
        var found = 0
        while found < size, cursor.next() {
            let write = decoded + found
            write.pointee.operation = cursor.operation
            write.pointee.key = cursor.key
            write.pointee.body = cursor.body
            write.pointee.mask = cursor.mask
            write.pointee.extra = -1
            if cursor.hasExtras {
                write.pointee.extra = Int32(extras.count)
                extras.append(
                    WriteExtra(condition: cursor.condition, metadata: cursor.metadata))
            }
            write.pointee.hash = table.hash.hash(cursor.key)
            // The entry is mostly within a few cells of its home, often in the next line.
            let cell = table.index.firstCell(write.pointee.hash)
            thalweg_prefetch(cell)
            thalweg_prefetch(cell + 4)
            found += 1
        }
        return found
    }

    /// Asks for what the merging of `count` writes will touch, one step of the chain at a time: by
    /// the time a step reads what the one before asked for, it is there.
    ///
    ///     index cell ─► record's first line ─► its newest pending entry ─► that entry's row
    ///                                     └──► without one, the rest of the record
    @inline(__always) private func prefetch(_ count: Int) {
        for position in 0..<count {
            let slot = table.index.firstCandidate(decoded[position].hash)
            decoded[position].candidate = slot
            // Slot 0 is memory too: a prefetch there is harmless.
            thalweg_prefetch(table.slab.address(slot))
        }
        for position in 0..<count {
            let slot = decoded[position].candidate
            // What stands in slot 0 may look like a reference; it is not followed.
            let pending = slot == 0 ? nil : entry(table.record(slot).pending)
            decoded[position].newest = pending
            if let pending {
                thalweg_prefetch(pending)
            } else {
                prefetchLines(
                    table.slab.address(slot) + 64, bytes: max(64, decoded[position].body.count))
            }
        }
        for position in 0..<count {
            guard let newest = decoded[position].newest, let row = newest.pointee.row else {
                continue
            }
            prefetchLines(row, bytes: Int(newest.pointee.rowCount))
        }
    }

    // MARK: One write

    @inline(__always) private mutating func mergeOne(
        _ write: UnsafeMutablePointer<DecodedWrite>,
        _ window: UnsafeMutablePointer<PendingWindow>, extras: [WriteExtra],
        layout: Unmanaged<RowLayout>?, single: UInt64, tick: UInt32, isJudged: Bool
    ) -> MergedWrite {
        let operation = write.pointee.operation
        let key = write.pointee.key
        var slot = write.pointee.candidate
        if slot == 0 || !table.hasKey(slot, key) {
            slot = table.find(key, hash: write.pointee.hash)
        }
        // An atomic batch's conditions were judged on the state before it (`judge`), not here.
        if write.pointee.extra >= 0, !isJudged,
            let condition = extras[Int(write.pointee.extra)].condition,
            !holds(condition, slot: slot)
        {
            return .invalid(.conditionFailed)
        }
        // Everything that can refuse the write comes before anything is changed.
        var needsUpgrade = false
        switch operation {
        case .assert:
            if let layout {
                switch layout._withUnsafeGuaranteedRef({ $0.check(write.pointee.body) }) {
                case .current: break
                case .older: needsUpgrade = true
                case .invalid: return .invalid(.invalidRow)
                }
            } else if write.pointee.body.count > Limits.rowBytes {
                return .invalid(.recordTooLarge)
            }
        case .patch:
            guard let layout else { return .invalid(.notSupported) }
            let isValid = layout._withUnsafeGuaranteedRef {
                $0.isValidPatch(mask: write.pointee.mask, values: write.pointee.body)
            }
            if !isValid { return .invalid(.invalidRow) }
        case .retract:
            if slot == 0 {
                return isValidKey(key) ? .unchanged(index: -1) : .invalid(.invalidKey)
            }
        }
        if slot == 0 {
            if write.pointee.key.count > 1 + Limits.stringKeyBytes || !isValidKey(key) {
                return .invalid(.invalidKey)
            }
            let room = operation == .assert ? write.pointee.body.count : 0
            slot = table.insertProvisional(key, hash: write.pointee.hash, room: room)
        }
        if table.shape.keyOffset != Record.headerSize {
            table.record(slot).address.storeBytes(
                of: tick, toByteOffset: Record.headerSize, as: UInt32.self)
        }
        let index = pendingIndex(slot, window)
        let entry = window.pointee.entries + index
        let changed: Bool
        switch operation {
        case .assert:
            changed = assert(entry, index, window, write.pointee.body, single, needsUpgrade)
        case .patch:
            changed = patch(entry, write, layout, single)
        case .retract:
            changed = retract(entry, single)
        }
        if write.pointee.extra >= 0, let metadata = extras[Int(write.pointee.extra)].metadata,
            changed
        {
            open.pointee.metadata[index] = Array(metadata)
        }
        return changed ? .pending(index: index) : .unchanged(index: index)
    }

    /// The record's entry in the open window, made from its base if there is none yet.
    @inline(__always) mutating func pendingIndex(
        _ slot: UInt32, _ window: UnsafeMutablePointer<PendingWindow>
    ) -> Int {
        let record = table.record(slot)
        let reference = record.pending
        if reference != 0, reference >> 24 == UInt32(truncatingIfNeeded: openNumber) & 0xff {
            return PendingWindow.index(reference)
        }
        let base = base(slot, behind: reference)
        let index = window.pointee.append(
            PendingEntry(
                slot: slot, previous: reference, sources: base.sources, row: nil, rowCount: 0,
                rowUnits: 0, exists: base.exists,
                outcome: .init(.nothing, reason: .retracted)))
        record.pending = PendingWindow.reference(window: openNumber, index: index)
        return index
    }

    @inline(__always) private mutating func assert(
        _ entry: UnsafeMutablePointer<PendingEntry>, _ index: Int,
        _ window: UnsafeMutablePointer<PendingWindow>, _ body: UnsafeRawBufferPointer,
        _ single: UInt64, _ needsUpgrade: Bool
    ) -> Bool {
        let sources = table.sources.insert(single, into: entry.pointee.sources)
        if needsUpgrade { return assertOlder(entry, index, body, sources) }
        if entry.pointee.exists {
            let row = row(entry)
            if row.count == body.count, Table.equalWords(row, body) {
                let changed = sources != entry.pointee.sources
                entry.pointee.sources = sources
                return changed
            }
        }
        entry.pointee.sources = sources
        entry.pointee.exists = true
        let row = window.pointee.takeRow(index, count: body.count)
        Table.copy(body, to: row)
        return true
    }

    @inline(never) private mutating func assertOlder(
        _ entry: UnsafeMutablePointer<PendingEntry>, _ index: Int, _ body: UnsafeRawBufferPointer,
        _ sources: UInt64
    ) -> Bool {
        guard let layout else { preconditionFailure("only rows of a schema have versions") }
        let size = layout.upgradedSize(of: body)
        let scratch = open.pointee.scratch(size)
        let upgraded = UnsafeMutableRawBufferPointer(start: scratch, count: size)
        layout.upgrade(body, into: upgraded)
        let row = row(entry)
        let isSame =
            entry.pointee.exists && row.count == size
            && Table.equal(row, UnsafeRawBufferPointer(upgraded))
        let changed = !isSame || sources != entry.pointee.sources
        entry.pointee.sources = sources
        entry.pointee.exists = true
        if !isSame { setRow(entry, scratch, size) }
        return changed
    }

    @inline(__always) private mutating func patch(
        _ entry: UnsafeMutablePointer<PendingEntry>, _ write: UnsafeMutablePointer<DecodedWrite>,
        _ layout: Unmanaged<RowLayout>?, _ single: UInt64
    ) -> Bool {
        guard let layout else { preconditionFailure("a patch of opaque bytes was refused") }
        return layout._withUnsafeGuaranteedRef { patch(entry, write, $0, single) }
    }

    @inline(__always) private mutating func patch(
        _ entry: UnsafeMutablePointer<PendingEntry>, _ write: UnsafeMutablePointer<DecodedWrite>,
        _ layout: RowLayout, _ single: UInt64
    ) -> Bool {
        let sources = table.sources.insert(single, into: entry.pointee.sources)
        let isJoining = !entry.pointee.exists || sources != entry.pointee.sources
        let mask = write.pointee.mask
        entry.pointee.sources = sources
        if entry.pointee.exists, mask & layout.variableFields == 0, let row = entry.pointee.row {
            // The common case: fixed fields of a row that the window owns already.
            let bytes = UnsafeMutableRawBufferPointer(
                start: row, count: Int(entry.pointee.rowCount))
            if layout.isCurrent(UnsafeRawBufferPointer(bytes)) {
                return layout.applyInPlace(patch: write.pointee.body, mask: mask, to: bytes)
                    || isJoining
            }
        }
        return rebuild(entry, layout, mask, write.pointee.body) || isJoining
    }

    /// Builds the patched row beside the old one.
    @inline(never) private mutating func rebuild(
        _ entry: UnsafeMutablePointer<PendingEntry>, _ layout: RowLayout, _ mask: UInt64,
        _ values: UnsafeRawBufferPointer
    ) -> Bool {
        let exists = entry.pointee.exists
        let old = exists ? row(entry) : .empty
        let target = withCurrent(exists ? old : nil, layout) { current in
            let size = layout.sizeAfterPatch(current, mask: mask, values: values)
            let target = UnsafeMutableRawBufferPointer(
                start: open.pointee.scratch(size), count: size)
            layout.apply(patch: values, mask: mask, to: current, into: target)
            return target
        }
        let isSame =
            exists && old.count == target.count
            && Table.equal(old, UnsafeRawBufferPointer(target))
        if isSame { return false }
        entry.pointee.exists = true
        if let row = target.baseAddress { setRow(entry, row, target.count) }
        return true
    }

    private func setRow(
        _ entry: UnsafeMutablePointer<PendingEntry>, _ row: UnsafeMutableRawPointer, _ size: Int
    ) {
        entry.pointee.row = row
        entry.pointee.rowCount = Int32(size)
        entry.pointee.rowUnits = PendingWindow.units(size)
    }

    @inline(__always) private mutating func retract(
        _ entry: UnsafeMutablePointer<PendingEntry>, _ single: UInt64
    ) -> Bool {
        guard entry.pointee.exists, table.sources.contains(single, in: entry.pointee.sources)
        else { return false }
        entry.pointee.sources = table.sources.remove(single, from: entry.pointee.sources)
        if entry.pointee.sources == SourceSets.empty {
            entry.pointee.exists = false
            entry.pointee.outcome.reason = DeletionReason.retracted.rawValue
        }
        return true
    }

    // MARK: Refusals

    /// The newest state of the record in `slot`, in-flight windows included.
    @inline(__always) func newest(_ slot: UInt32) -> RecordView {
        base(slot, behind: table.record(slot).pending)
    }

    /// Lends `row` as a row of this version: itself, or upgraded, or the default where it is `nil`.
    func withCurrent<Result>(
        _ row: UnsafeRawBufferPointer?, _ layout: RowLayout,
        _ body: (UnsafeRawBufferPointer) -> Result
    ) -> Result {
        guard let row else { return layout.defaultRow.withUnsafeBytes(body) }
        if layout.isCurrent(row) { return body(row) }
        let size = layout.upgradedSize(of: row)
        return withUnsafeTemporaryAllocation(byteCount: size, alignment: 8) { target in
            layout.upgrade(row, into: target)
            return body(UnsafeRawBufferPointer(rebasing: target[..<size]))
        }
    }

    func isValidKey(_ key: UnsafeRawBufferPointer) -> Bool {
        table.shape.keyKind != .string
            || String(validating: key.dropFirst(), as: UTF8.self) != nil
    }

    /// A condition is judged against the newest state. A record with a change in flight has no
    /// version yet that a client could know, so `versionEquals` does not hold for it.
    func holds(_ condition: WriteCondition, slot: UInt32) -> Bool {
        let exists = slot != 0 && newest(slot).exists
        switch condition {
        case .absent: return !exists
        case .present: return exists
        case .versionEquals(let version):
            guard exists else { return false }
            let record = table.record(slot)
            guard record.isLive, record.version == version.rawValue else { return false }
            return !isChanging(record)
        }
    }

    /// Whether a window on its way, or the open one as it is now, changes the record's row or
    /// existence: its version is about to be another.
    private func isChanging(_ record: Record) -> Bool {
        var reference = record.pending
        while let entry = entry(reference) {
            switch netChange(entry) {
            case .upsert, .delete: return true
            case .membership, .nothing: reference = entry.pointee.previous
            }
        }
        return false
    }

    /// The first reason why an atomic batch cannot be applied whole; `nil` where it can. Every
    /// condition is judged on the state before the batch.
    func judge(
        _ writes: UnsafeRawBufferPointer, count: Int
    ) -> ErrorCode? {
        var cursor = WriteCursor(writes, keyKind: table.shape.keyKind)
        for _ in 0..<count {
            guard cursor.next() else { return .invalidBatch }
            let slot = table.find(cursor.key, hash: table.hash.hash(cursor.key))
            if let condition = cursor.condition, !holds(condition, slot: slot) {
                return .conditionFailed
            }
            if let code = flaw(cursor) { return code }
        }
        return cursor.isAtEnd ? nil : .invalidBatch
    }
}
