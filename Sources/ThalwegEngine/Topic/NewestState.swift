import ThalwegModel
import ThalwegWire

/// The newest state of records: what windows in flight hold of them, over the table.
///
/// A few words, made where they are needed. A call of a method of `TopicState` that is not inlined
/// may copy the whole topic for the callee (872 bytes, when instructions were counted: a seventh of
/// all that a write took); a call of a method of this passes eight words.
///
/// Good until the slab next allocates, a window is opened or one is done.
struct NewestState {
    /// As in `TopicState`.
    let windows: UnsafeMutablePointer<UnsafeMutablePointer<PendingWindow>>
    let openNumber: UInt64
    let appliedNumber: UInt64
    /// The window of the newest truncation.
    let truncation: UInt64
    let slab: UnsafeMutableRawPointer
    let shape: RecordShape

    @inline(__always) func record(_ slot: UInt32) -> Record {
        Record(slab + Int(slot) << 3)
    }

    /// The entries of the open window.
    @inline(__always) var openEntries: UnsafeMutablePointer<PendingEntry> {
        windows[Int(truncatingIfNeeded: openNumber % TopicState.ring)].pointee.entries
    }

    /// The window of the in-flight entry that a reference names; `nil` where it is applied.
    @inline(__always) func window(
        of reference: UInt32
    ) -> UnsafeMutablePointer<PendingWindow>? {
        guard reference != 0 else { return nil }
        let age = (openNumber &- UInt64(reference >> 24)) & 0xff
        let number = openNumber &- age
        guard number > appliedNumber, number <= openNumber else { return nil }
        return windows[Int(truncatingIfNeeded: number % TopicState.ring)]
    }

    /// The in-flight entry that a reference names; `nil` where its window is applied.
    @inline(__always) func entry(_ reference: UInt32) -> UnsafeMutablePointer<PendingEntry>? {
        guard let window = window(of: reference) else { return nil }
        return window.pointee.entries + PendingWindow.index(reference)
    }

    // MARK: Who asserts a record as committed

    /// Its own word, or what its oldest entry in flight keeps of it.
    @inline(__always) func sources(_ record: Record) -> UInt64 {
        let word = record.word2
        let reference = Record.pending(word)
        return reference == 0 ? word : committedPlace(reference).pointee
    }

    /// Nobody asserts the record as committed any more, whoever holds it.
    func clearSources(_ record: Record) {
        let reference = Record.pending(record.word2)
        guard reference != 0 else { return }
        committedPlace(reference).pointee = SourceSets.empty
    }

    /// The place in `PendingWindow.committed` of a held record's oldest entry.
    @inline(never) private func committedPlace(
        _ newest: UInt32
    ) -> UnsafeMutablePointer<UInt64> {
        var reference = newest
        while let entry = entry(reference), window(of: entry.pointee.previous) != nil {
            reference = entry.pointee.previous
        }
        guard let window = window(of: reference) else {
            preconditionFailure("a record is held by windows in flight only")
        }
        return window.pointee.committed + PendingWindow.index(reference)
    }

    /// The record's oldest entry, `own`, is done, and a newer one keeps its source set from here on.
    @inline(never) func passOn(_ word: UInt64, from own: UInt32, newest: UInt32) {
        var reference = newest
        while let entry = entry(reference) {
            if entry.pointee.previous == own, let window = window(of: reference) {
                window.pointee.committed[PendingWindow.index(reference)] = word
                return
            }
            reference = entry.pointee.previous
        }
        preconditionFailure("the entries of a record lead from the newest to the oldest")
    }

    // MARK: The newest state, committed or not

    /// The newest state of the record in `slot`, in-flight windows included.
    @inline(__always) func view(_ slot: UInt32) -> RecordView {
        base(slot, behind: record(slot).pending)
    }

    /// What a record is, seen from behind `previous`: its newest entry there, else the table.
    @inline(__always) func base(_ slot: UInt32, behind previous: UInt32) -> RecordView {
        if truncation > appliedNumber { return baseBehindTruncation(previous) }
        if let entry = entry(previous) { return view(entry) }
        let record = record(slot)
        guard record.isLive else { return RecordView(exists: false, sources: 0, row: .empty) }
        return RecordView(exists: true, sources: sources(record), row: shape.row(record))
    }

    @inline(never) private func baseBehindTruncation(_ previous: UInt32) -> RecordView {
        let missing = RecordView(exists: false, sources: 0, row: .empty)
        guard let entry = entry(previous) else { return missing }
        let age = (openNumber &- UInt64(previous >> 24)) & 0xff
        return openNumber &- age > truncation ? view(entry) : missing
    }

    @inline(__always) func view(_ entry: UnsafeMutablePointer<PendingEntry>) -> RecordView {
        RecordView(
            exists: entry.pointee.exists, sources: entry.pointee.sources, row: row(entry))
    }

    @inline(__always) func row(
        _ entry: UnsafeMutablePointer<PendingEntry>
    ) -> UnsafeRawBufferPointer {
        if let row = entry.pointee.row {
            return UnsafeRawBufferPointer(start: row, count: Int(entry.pointee.rowCount))
        }
        return baseRow(entry)
    }

    @inline(never) private func baseRow(
        _ entry: UnsafeMutablePointer<PendingEntry>
    ) -> UnsafeRawBufferPointer {
        base(entry.pointee.slot, behind: entry.pointee.previous).row
    }

    // MARK: Changes

    /// What an entry's window does to the record, as it is now.
    @inline(__always) func netChange(
        _ entry: UnsafeMutablePointer<PendingEntry>
    ) -> PendingEntry.Net {
        if entry.pointee.isSurelyUpsert { return .upsert }
        let base = base(entry.pointee.slot, behind: entry.pointee.previous)
        guard entry.pointee.exists else { return base.exists ? .delete : .nothing }
        guard base.exists else { return .upsert }
        if let row = entry.pointee.row {
            let bytes = UnsafeRawBufferPointer(start: row, count: Int(entry.pointee.rowCount))
            if !bytes.hasSameBytes(as: base.row) { return .upsert }
        }
        return entry.pointee.sources == base.sources ? .nothing : .membership
    }

    /// A condition is judged against the newest state. A record with a change in flight has no
    /// version yet that a client could know, so `versionEquals` does not hold for it.
    @inline(never) func holds(_ condition: WriteCondition, slot: UInt32) -> Bool {
        let exists = slot != 0 && view(slot).exists
        switch condition {
        case .absent: return !exists
        case .present: return exists
        case .versionEquals(let version):
            guard exists else { return false }
            let record = record(slot)
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
}

/// What a record is at some point between the table and the newest write.
struct RecordView {
    var exists: Bool
    var sources: UInt64
    var row: UnsafeRawBufferPointer
}
