import CThalwegShims
import ThalwegModel

extension TopicState {
    /// Closes the open window and encodes its net changes as one entry.
    ///
    /// Gives `nil` where nothing changed in the end: the window costs nothing more, and its
    /// tickets are done as soon as those before it are (`takeCompletions`). The caller has asked
    /// `canSeal`.
    mutating func seal(time now: Int64) -> [UInt8]? {
        precondition(canSeal, "sealing needs room in the ring of windows")
        lastTime = max(lastTime, now)
        let net = encodeNet()
        open.pointee.isEmpty = net == 0
        open.pointee.sealedAt = lastTime
        openNext()
        if net == 0 { return nil }
        counters.entries += 1
        counters.entryBytes += UInt64(writer.count)
        return entryBytes()
    }

    /// Decides for each entry what the window did in the end, and writes it down.
    private mutating func encodeNet() -> Int {
        let window = open
        writer.begin(kind: .window, topic: id, time: lastTime)
        writer.integer(UInt32(0))
        let hasMetadata = !window.pointee.metadata.isEmpty
        var net = 0
        for index in 0..<window.pointee.count {
            prefetchBase(of: index + TopicState.lookahead, in: window)
            let entry = window.pointee.entries + index
            entry.pointee.outcome.net = newestState.netChange(entry)
            guard entry.pointee.outcome.net != .nothing else { continue }
            net += 1
            encode(entry, metadata: hasMetadata ? window.pointee.metadata[index] : nil)
        }
        writer.patch(UInt32(net), at: EntryHeader.size)
        return net
    }

    /// Entries whose records are asked for before they are needed, in the walks over a window: at
    /// millions of records each of them would else be waited for.
    static let lookahead = 12

    /// What sealing an entry reads: its row, and its record where the two are to be compared.
    @inline(__always) private func prefetchBase(
        of index: Int, in window: UnsafeMutablePointer<PendingWindow>
    ) {
        guard index < window.pointee.count else { return }
        let entry = window.pointee.entries + index
        if window.pointee.keySize != 0, entry.pointee.isSurelyUpsert, let row = entry.pointee.row {
            return TopicState.prefetchLines(row, bytes: Int(entry.pointee.rowCount))
        }
        prefetchRecord(of: index, in: window)
    }

    @inline(__always) func prefetchRecord(
        of index: Int, in window: UnsafeMutablePointer<PendingWindow>
    ) {
        guard index < window.pointee.count else { return }
        let entry = window.pointee.entries + index
        // The record's row is about as long as the new one.
        let rowCount = entry.pointee.row == nil ? 64 : Int(entry.pointee.rowCount)
        TopicState.prefetchLines(
            table.slab.address(entry.pointee.slot), bytes: Record.headerSize + 8 + rowCount)
        if let row = entry.pointee.row { TopicState.prefetchLines(row, bytes: rowCount) }
    }

    /// Asks for the cache lines of a run: for the first four, what a usual record has.
    @inline(__always) static func prefetchLines(_ start: UnsafeRawPointer, bytes: Int) {
        thalweg_prefetch(start)
        thalweg_prefetch(start + min(bytes, 64))
        if bytes > 64 { thalweg_prefetch(start + min(bytes, 128)) }
        if bytes > 128 { thalweg_prefetch(start + min(bytes, 192)) }
    }

    @inline(__always) private mutating func encode(
        _ entry: UnsafeMutablePointer<PendingEntry>, metadata: [UInt8]?
    ) {
        let key =
            entry.pointee.row.flatMap { open.pointee.key(before: $0) }
            ?? table.shape.key(table.record(entry.pointee.slot))
        let row = entry.pointee.outcome.net == .upsert ? row(entry) : .empty
        writer.reserve(32 + key.count + row.count + (metadata?.count ?? 0))
        let flag = metadata == nil ? 0 : WindowOperation.metadataFlag
        switch entry.pointee.outcome.net {
        case .upsert:
            writer.integer(WindowOperation.upsert | flag)
            writer.raw(key)
            encodeSources(entry.pointee.sources, thenReserving: row.count)
            writer.integer(UInt32(row.count))
            writer.raw(row)
        case .membership:
            writer.integer(WindowOperation.membership | flag)
            writer.raw(key)
            encodeSources(entry.pointee.sources, thenReserving: 0)
        case .delete:
            writer.integer(WindowOperation.delete | flag)
            writer.raw(key)
            writer.integer(entry.pointee.outcome.reason)
        case .nothing:
            return
        }
        if let metadata {
            writer.reserve(4 + metadata.count)
            writer.integer(UInt32(metadata.count))
            metadata.withUnsafeBytes { writer.raw($0) }
        }
    }

    @inline(__always) private mutating func encodeSources(_ word: UInt64, thenReserving rest: Int) {
        table.sources.withMembers(word) { members in
            writer.reserve(2 + 2 * members.count + 8 + rest)
            writer.integer(UInt16(members.count))
            for source in members { writer.integer(source) }
        }
    }

    /// The entry is done with: its record forgets it, and goes if nothing else holds it.
    ///
    /// - Parameter word: who asserts the record as committed, now that the entry is done with.
    @inline(__always) mutating func release(
        _ window: UnsafeMutablePointer<PendingWindow>, _ index: Int, committed word: UInt64
    ) {
        let entry = window.pointee.entries + index
        let slot = entry.pointee.slot
        let record = table.record(slot)
        let own = PendingWindow.reference(window: window.pointee.number, index: index)
        let newest = record.pending
        if newest != own { return newestState.passOn(word, from: own, newest: newest) }
        // An older window may still hold the record: its entry is the newest again.
        if let previous = self.entry(entry.pointee.previous), previous != entry {
            record.pending = entry.pointee.previous
            return
        }
        record.word2 = word
        if record.state == RecordState.provisional { table.removeProvisional(slot) }
    }
}
