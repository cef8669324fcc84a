import ThalwegModel
import ThalwegWire

// One write meets the newest pending row of its record, or the committed one. Everything that can
// refuse the write comes before anything is changed.
extension TopicState {
    @inline(never) mutating func mergeOne(
        _ write: UnsafeMutablePointer<DecodedWrite>, _ context: inout MergeContext
    ) -> MergedWrite {
        let operation = write.pointee.operation
        var slot = write.pointee.candidate
        if slot == 0 || !table.hasKey(slot, write.pointee.keyStart, write.pointee.keyCount) {
            slot = findAgain(write)
        }
        // An atomic batch's conditions were judged on the state before it (`judge`), not here.
        if write.pointee.extra >= 0, !context.isJudged, !holdsCondition(write, slot) {
            return .invalid(.conditionFailed)
        }
        var needsUpgrade = false
        switch operation {
        case .assert:
            if let layout = context.layout {
                switch layout._withUnsafeGuaranteedRef({ $0.check(write.pointee.body) }) {
                case .current: break
                case .older: needsUpgrade = true
                case .invalid: return .invalid(.invalidRow)
                }
            } else if write.pointee.bodyCount > Limits.rowBytes {
                return .invalid(.recordTooLarge)
            }
        case .patch:
            guard let layout = context.layout else { return .invalid(.notSupported) }
            let isValid = layout._withUnsafeGuaranteedRef {
                $0.isValidPatch(mask: write.pointee.mask, values: write.pointee.body)
            }
            if !isValid { return .invalid(.invalidRow) }
        case .retract:
            if slot == 0 {
                return isValidKey(write.pointee.key)
                    ? .unchanged(index: -1) : .invalid(.invalidKey)
            }
        }
        if slot == 0 {
            slot = insert(write)
            if slot == 0 { return .invalid(.invalidKey) }
        }
        let record = table.record(slot)
        if context.tracksAssertion {
            record.address.storeBytes(
                of: context.tick, toByteOffset: Record.headerSize, as: UInt32.self)
        }
        let word = record.word2
        let index =
            word >> 24 == context.heldMark
            ? PendingWindow.index(UInt32(truncatingIfNeeded: word))
            : makePending(slot, context.window)
        // Safe: the index is below the window's count.
        let entry = context.window.pointee.entries + index
        let changed: Bool
        switch operation {
        case .assert: changed = assert(entry, write, &context, needsUpgrade)
        case .patch: changed = patch(entry, write, &context)
        case .retract: changed = retract(entry, context.single)
        }
        if write.pointee.extra >= 0, changed { keepMetadata(write, index) }
        return changed ? .pending(index: index) : .unchanged(index: index)
    }

    @inline(never) private mutating func holdsCondition(
        _ write: UnsafeMutablePointer<DecodedWrite>, _ slot: UInt32
    ) -> Bool {
        guard let condition = writeExtras[Int(write.pointee.extra)].condition else { return true }
        return newestState.holds(condition, slot: slot)
    }

    @inline(never) private mutating func keepMetadata(
        _ write: UnsafeMutablePointer<DecodedWrite>, _ index: Int
    ) {
        if let metadata = writeExtras[Int(write.pointee.extra)].metadata {
            open.pointee.metadata[index] = Array(metadata)
        }
    }

    /// The candidate was not the record: two keys have one tag, or a write of the same chunk made
    /// or moved it.
    @inline(never) private mutating func findAgain(
        _ write: UnsafeMutablePointer<DecodedWrite>
    ) -> UInt32 {
        table.find(write.pointee.key, hash: write.pointee.hash)
    }

    /// A record that is new with this write; 0 where the key is none.
    @inline(never) private mutating func insert(
        _ write: UnsafeMutablePointer<DecodedWrite>
    ) -> UInt32 {
        let key = write.pointee.key
        if key.count > 1 + Limits.stringKeyBytes || !isValidKey(key) { return 0 }
        let room = write.pointee.operation == .assert ? Int(write.pointee.bodyCount) : 0
        return table.insertProvisional(key, hash: write.pointee.hash, room: room)
    }

    /// The record's entry in the open window, made from its base if there is none yet.
    @inline(__always) mutating func pendingIndex(
        _ slot: UInt32, _ window: UnsafeMutablePointer<PendingWindow>
    ) -> Int {
        let reference = table.record(slot).pending
        if reference != 0, reference >> 24 == UInt32(truncatingIfNeeded: openNumber) & 0xff {
            return PendingWindow.index(reference)
        }
        return makePending(slot, window)
    }

    @inline(never) private mutating func makePending(
        _ slot: UInt32, _ window: UnsafeMutablePointer<PendingWindow>
    ) -> Int {
        let record = table.record(slot)
        let reference = record.pending
        let base = newestState.base(slot, behind: reference)
        let index = window.pointee.append(
            PendingEntry(
                slot: slot, previous: reference, sources: base.sources, row: nil, rowCount: 0,
                rowUnits: 0, exists: base.exists,
                outcome: .init(.nothing, reason: .retracted, baseIsMissing: !base.exists)),
            committed: reference == 0 ? record.word2 : SourceSets.empty)
        record.pending = PendingWindow.reference(window: openNumber, index: index)
        return index
    }

    // MARK: The three operations

    @inline(__always) private mutating func assert(
        _ entry: UnsafeMutablePointer<PendingEntry>, _ write: UnsafeMutablePointer<DecodedWrite>,
        _ context: inout MergeContext, _ needsUpgrade: Bool
    ) -> Bool {
        let sources = table.sources.insert(context.single, into: entry.pointee.sources)
        let body = write.pointee.body
        if needsUpgrade { return assertOlder(entry, body, sources) }
        if entry.pointee.exists, isRow(entry, body) {
            let changed = sources != entry.pointee.sources
            entry.pointee.sources = sources
            return changed
        }
        entry.pointee.sources = sources
        let row = context.window.pointee.takeRow(
            entry, count: body.count, key: write.pointee.keyStart)
        entry.pointee.exists = true
        Table.copy(body, to: row)
        return true
    }

    /// The entry's row, in the window or behind it, has these bytes.
    @inline(__always) private mutating func isRow(
        _ entry: UnsafeMutablePointer<PendingEntry>, _ bytes: UnsafeRawBufferPointer
    ) -> Bool {
        guard let row = entry.pointee.row else { return isBaseRow(entry, bytes) }
        return UnsafeRawBufferPointer(start: row, count: Int(entry.pointee.rowCount))
            .hasSameBytes(as: bytes)
    }

    @inline(never) private mutating func isBaseRow(
        _ entry: UnsafeMutablePointer<PendingEntry>, _ bytes: UnsafeRawBufferPointer
    ) -> Bool {
        row(entry).hasSameBytes(as: bytes)
    }

    @inline(never) private mutating func assertOlder(
        _ entry: UnsafeMutablePointer<PendingEntry>, _ body: UnsafeRawBufferPointer,
        _ sources: UInt64
    ) -> Bool {
        guard let layout else { preconditionFailure("only rows of a schema have versions") }
        let size = layout.upgradedSize(of: body)
        let scratch = scratch(size, for: entry)
        let upgraded = UnsafeMutableRawBufferPointer(start: scratch, count: size)
        layout.upgrade(body, into: upgraded)
        let row = row(entry)
        let isSame =
            entry.pointee.exists && row.hasSameBytes(as: UnsafeRawBufferPointer(upgraded))
        let changed = !isSame || sources != entry.pointee.sources
        entry.pointee.sources = sources
        if !isSame { PendingWindow.setRow(entry, scratch, size) }
        entry.pointee.exists = true
        return changed
    }

    @inline(__always) private mutating func patch(
        _ entry: UnsafeMutablePointer<PendingEntry>, _ write: UnsafeMutablePointer<DecodedWrite>,
        _ context: inout MergeContext
    ) -> Bool {
        guard let layout = context.layout else {
            preconditionFailure("a patch of opaque bytes was refused")
        }
        let single = context.single
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
                entry.pointee.outcome.wroteAgain()
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
                start: scratch(size, for: entry), count: size)
            layout.apply(patch: values, mask: mask, to: current, into: target)
            return target
        }
        if exists, old.hasSameBytes(as: UnsafeRawBufferPointer(target)) { return false }
        if let row = target.baseAddress { PendingWindow.setRow(entry, row, target.count) }
        entry.pointee.exists = true
        return true
    }

    private func scratch(
        _ size: Int, for entry: UnsafeMutablePointer<PendingEntry>
    ) -> UnsafeMutableRawPointer {
        let key = table.shape.key(table.record(entry.pointee.slot))
        // Safe: a record has a key.
        return open.pointee.scratch(size, key: key.baseAddress.unsafelyUnwrapped)
    }

    @inline(__always) private mutating func retract(
        _ entry: UnsafeMutablePointer<PendingEntry>, _ single: UInt64
    ) -> Bool {
        guard entry.pointee.exists else { return false }
        // A set without the source is the same without it.
        let sources = table.sources.remove(single, from: entry.pointee.sources)
        guard sources != entry.pointee.sources else { return false }
        entry.pointee.sources = sources
        if sources == SourceSets.empty {
            entry.pointee.exists = false
            entry.pointee.outcome.reason = DeletionReason.retracted.rawValue
        }
        return true
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

    @inline(__always) func isValidKey(_ key: UnsafeRawBufferPointer) -> Bool {
        table.shape.keyKind != .string
            || String(validating: key.dropFirst(), as: UTF8.self) != nil
    }
}
