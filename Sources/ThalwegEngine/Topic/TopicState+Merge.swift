import CThalwegShims
public import ThalwegModel
import ThalwegWire

/// A write taken apart, on its way through a chunk of the batch: one cache line.
struct DecodedWrite {
    /// Writes that are decoded, then looked up, then merged together, so that the cache lines of
    /// one are on their way while another is worked on.
    static let chunk = 32

    var keyStart: UnsafeRawPointer
    var bodyStart: UnsafeRawPointer
    var keyCount: UInt32
    var bodyCount: UInt32
    var mask: UInt64
    var hash: UInt64
    /// Where the search in the key index begins. Good until something is inserted there.
    var cell: UnsafePointer<UInt64>
    /// The newest pending entry of that record, for prefetching alone: merging may replace it.
    var newest: UnsafeMutablePointer<PendingEntry>?
    /// The slot that is likely the record's: found while prefetching, checked before it is believed.
    var candidate: UInt32
    /// Position in the chunk's extras, or -1.
    var extra: Int16
    var operation: WriteOperation

    @inline(__always) var key: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: keyStart, count: Int(keyCount))
    }

    @inline(__always) var body: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: bodyStart, count: Int(bodyCount))
    }
}

/// What all writes of a batch have in common.
struct MergeContext {
    /// The open one.
    let window: UnsafeMutablePointer<PendingWindow>
    /// Of a record that has an entry there.
    let heldMark: UInt64
    let layout: Unmanaged<RowLayout>?
    /// The set of the writer alone.
    let single: UInt64
    /// Now, for records with a time to live.
    let tick: UInt32
    /// The batch is atomic: its conditions were judged.
    let isJudged: Bool
    let tracksAssertion: Bool
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
        var context = MergeContext(
            window: open, heldMark: Record.heldMark(window: openNumber),
            // Unmanaged, so that nothing below counts references; the topic holds it.
            layout: layout.map { Unmanaged.passUnretained($0) },
            single: table.sources.single(source),
            tick: UInt32(truncatingIfNeeded: time >> TopicState.tickShift), isJudged: isAtomic,
            tracksAssertion: table.shape.keyOffset != Record.headerSize)
        var rest = writes
        var left = count
        let epoch = epochs.isEmpty ? nil : epochs[source]
        while left > 0, !outcome.isCutShort {
            let size = min(left, DecodedWrite.chunk)
            let found = TopicState.decode(
                &rest, size, into: decoded, table.index.cells, table.hash, table.shape.keyKind,
                &writeExtras)
            outcome.isCutShort = found < size
            context.window.pointee.reserve(found)
            TopicState.prefetch(decoded, found, newestState, context.heldMark)
            var refused: UInt64 = 0
            for position in 0..<found {
                let merged = mergeOne(decoded + position, &context)
                switch merged {
                case .pending: outcome.accepted &+= 1
                case .unchanged: outcome.unchanged &+= 1
                case .invalid(let code):
                    outcome.invalid &+= 1
                    refused |= 1 << UInt64(position)
                    if outcome.firstCode == nil { outcome.firstCode = code }
                }
                if let each { each.pointee.append(merged) }
            }
            if let epoch { markEpoch(epoch, found, refused: refused) }
            left -= found
        }
        // They point into the batch, which was only lent.
        writeExtras.removeAll(keepingCapacity: true)
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

    // The two passes before the merging are functions of what they use alone: each of them has the
    // processor's registers for itself then.

    /// Takes up to `size` writes apart and asks for the cache lines of their index cells.
    @inline(never) private static func decode(
        _ rest: inout UnsafeRawBufferPointer, _ size: Int,
        into decoded: UnsafeMutablePointer<DecodedWrite>, _ cells: KeyIndex.Cells, _ hash: KeyHash,
        _ keyKind: KeyKind, _ extras: inout [WriteExtra]
    ) -> Int {
        if !extras.isEmpty { extras.removeAll(keepingCapacity: true) }
        guard var start = rest.baseAddress else { return 0 }
        let end = start + rest.count
        let hasShortKeys = keyKind == .u64
        var write = decoded
        let last = decoded + size
        while write < last {
            if hasShortKeys, let plain = PlainWrite(at: start, before: end) {
                start = plain.body + Int(plain.bodyCount)
                let hashed = hash.hash(eightBytes: plain.key)
                let cell = cells.first(hashed)
                // The entry is mostly within a few cells of its home, often in the next line.
                thalweg_prefetch(cell)
                thalweg_prefetch(cell + 4)
                write.initialize(
                    to: DecodedWrite(
                        keyStart: plain.key, bodyStart: plain.body, keyCount: 8,
                        bodyCount: plain.bodyCount, mask: plain.mask, hash: hashed, cell: cell,
                        newest: nil, candidate: 0, extra: -1, operation: plain.operation))
            } else {
                let bytes = UnsafeRawBufferPointer(start: start, count: end - start)
                let consumed = decodeAny(bytes, into: write, cells, hash, keyKind, &extras)
                guard consumed > 0 else { break }
                start += consumed
            }
            write += 1
        }
        rest = UnsafeRawBufferPointer(start: start, count: end - start)
        return write - decoded
    }

    /// Takes the first write of `bytes` apart; gives its length, 0 where the bytes are not a write.
    @inline(never) private static func decodeAny(
        _ bytes: UnsafeRawBufferPointer, into write: UnsafeMutablePointer<DecodedWrite>,
        _ cells: KeyIndex.Cells, _ hash: KeyHash, _ keyKind: KeyKind, _ extras: inout [WriteExtra]
    ) -> Int {
        var cursor = WriteCursor(bytes, keyKind: keyKind)
        guard cursor.next() else { return 0 }
        let key = cursor.key
        let hashed = hash.hash(key)
        let cell = cells.first(hashed)
        thalweg_prefetch(cell)
        thalweg_prefetch(cell + 4)
        // Safe: a write that was found has a key, and a body that may be empty.
        write.initialize(
            to: DecodedWrite(
                keyStart: key.baseAddress.unsafelyUnwrapped,
                bodyStart: cursor.body.baseAddress.unsafelyUnwrapped,
                keyCount: UInt32(truncatingIfNeeded: key.count),
                bodyCount: UInt32(truncatingIfNeeded: cursor.body.count),
                mask: cursor.operation == .patch ? cursor.mask : 0, hash: hashed, cell: cell,
                newest: nil, candidate: 0, extra: -1, operation: cursor.operation))
        if cursor.hasExtras {
            write.pointee.extra = Int16(truncatingIfNeeded: extras.count)
            extras.append(WriteExtra(condition: cursor.condition, metadata: cursor.metadata))
        }
        return cursor.consumed
    }

    /// Asks for what the merging of `count` writes will touch, one step of the chain at a time: by
    /// the time a step reads what the one before asked for, it is there.
    ///
    ///     index cell ─► record's first line ─► its newest pending entry ─► that entry's row
    ///                                     └──► without one, the rest of the record
    @inline(never) private static func prefetch(
        _ decoded: UnsafeMutablePointer<DecodedWrite>, _ count: Int, _ state: NewestState,
        _ heldMark: UInt64
    ) {
        let end = decoded + count
        var write = decoded
        while write < end {
            let slot = KeyIndex.candidate(write.pointee.hash, from: write.pointee.cell)
            write.pointee.candidate = slot
            // Slot 0 is memory too: a prefetch there is harmless.
            thalweg_prefetch(state.record(slot).address)
            write += 1
        }
        // Safe: the open window has an entry for each index that a record refers to.
        let entries = state.openEntries
        write = decoded
        while write < end {
            let record = state.record(write.pointee.candidate)
            let word = record.word2
            if write.pointee.candidate == 0 {
                // What stands in slot 0 may look like a reference; it is not followed.
            } else if word >> 24 == heldMark {
                let newest = entries + PendingWindow.index(UInt32(truncatingIfNeeded: word))
                write.pointee.newest = newest
                thalweg_prefetch(newest)
            } else if let newest = state.entry(Record.pending(word)) {
                write.pointee.newest = newest
                thalweg_prefetch(newest)
            } else {
                prefetchLines(record.address + 64, bytes: max(64, Int(write.pointee.bodyCount)))
            }
            write += 1
        }
        write = decoded
        while write < end {
            if let newest = write.pointee.newest, let row = newest.pointee.row {
                prefetchLines(row, bytes: Int(newest.pointee.rowCount))
            }
            write += 1
        }
    }

    // MARK: Before anything is merged

    /// The first reason why an atomic batch cannot be applied whole; `nil` where it can. Every
    /// condition is judged on the state before the batch.
    func judge(
        _ writes: UnsafeRawBufferPointer, count: Int
    ) -> ErrorCode? {
        var cursor = WriteCursor(writes, keyKind: table.shape.keyKind)
        for _ in 0..<count {
            guard cursor.next() else { return .invalidBatch }
            let slot = table.find(cursor.key, hash: table.hash.hash(cursor.key))
            if let condition = cursor.condition, !newestState.holds(condition, slot: slot) {
                return .conditionFailed
            }
            if let code = flaw(cursor) { return code }
        }
        return cursor.isAtEnd ? nil : .invalidBatch
    }
}
