// Truncation: every record of a topic is gone at one place in the log, at the cost of one small
// entry.
//
// Where the topic keeps a history, each record is deleted, in the order of their last changes: the
// history tells of every one what it was, and readers hear of it as of any deletion. Else a fresh
// table takes the old one's place; offsets and versions go on above all that were.
//
//   windows   … │ sealed │ sealed │ truncation │ sealed │ open
//                  applied to the old table    │ merged as if nothing were there
//
// From the moment the entry is cut, merging sees what newer windows hold and nothing behind them.
// When it is applied, the records that newer windows hold move to the fresh table. Truncation then
// takes an offset of its own, which is the new horizon: whoever holds anything of before starts over.
//
// The topic's program, if it has one, begins anew with its initialiser: its memory was about records
// that are gone.
import ThalwegModel

extension TopicState {
    /// A truncation is on its way to the log: nothing behind its window is there any more.
    @inline(__always) var isTruncating: Bool { truncation > appliedNumber }

    /// Cuts the entry. The open window has no writes, and there is room for one more.
    mutating func cutTruncation(time: Int64, ticket: Ticket) -> [UInt8] {
        precondition(canSeal && isOpenEmpty, "a truncation has a window of its own")
        lastTime = max(lastTime, time)
        writer.begin(kind: .truncateTopic, topic: id, time: lastTime)
        open.pointee.tickets.append(ticket)
        open.pointee.sealedAt = lastTime
        open.pointee.isTruncation = true
        truncation = openNumber
        openNext()
        return writer.bytes()
    }

    /// As `cutTruncation`, among the groups of a topic that keeps every write.
    mutating func cutStreamTruncation(time: Int64, token: UInt64) -> [UInt8] {
        lastTime = max(lastTime, time)
        writer.begin(kind: .truncateTopic, topic: id, time: lastTime)
        queue.cut(token: token)
        return writer.bytes()
    }

    /// Applies the entry: the leader's own, or one from a log.
    ///
    /// - Throws: where the node must stop: the program that ran cannot begin again.
    mutating func applyTruncation(
        time: Int64, _ programs: (any TopicPrograms)?
    ) throws(ThalwegError) {
        if inFlight > 0 {
            precondition(
                window(appliedNumber + 1).pointee.isTruncation,
                "a truncation is applied in its turn")
        }
        lastTime = max(lastTime, time)
        appliedTime = max(appliedTime, time)
        if keepsHistory { deleteEvery() } else { replaceTable() }
        try restartProgram(programs)
    }

    private mutating func deleteEvery() {
        author = .none
        beginTail(metadata: [:])
        var slots: [UInt32] = []
        slots.reserveCapacity(table.liveRecords)
        table.walk(after: 0) { offset, slot in
            if table.record(slot).isLast(offset), table.record(slot).isLive { slots.append(slot) }
            return true
        }
        for slot in slots {
            let gone = delete(slot, reason: DeletionReason.dropped.rawValue, metadata: tail.changes)
            // Windows behind the truncation may hold it, and with it who asserted it.
            newestState.clearSources(table.record(gone))
        }
        endEntry()
    }

    private mutating func replaceTable() {
        // Left from before the topic was altered to keep none.
        if !history.isEmpty { history.trim(.none, now: appliedTime) }
        var old = Table(
            keyKind: table.shape.keyKind,
            tracksAssertion: definition.options.timeToLiveMicroseconds > 0, hash: table.hash)
        swap(&old, &table)
        // Words of source sets in windows stay what they are.
        swap(&old.sources, &table.sources)
        table.goOn(behind: old)
        tables += 1
        rehome(from: old)
        tail.forget()
        counters.changes = table.changes.last
        freeze(old)
    }

    /// Moves the records that windows behind the truncation hold to the fresh table.
    private mutating func rehome(from old: borrowing Table) {
        var marks: [UInt16: SlotMarks] = [:]
        if inFlight > 0 {
            var number = appliedNumber + 2
            while number <= openNumber {
                rehome(window(number), from: old, &marks)
                number += 1
            }
        }
        for (source, epoch) in epochs {
            epoch.marks = marks[source] ?? SlotMarks()
        }
    }

    private mutating func rehome(
        _ window: UnsafeMutablePointer<PendingWindow>, from old: borrowing Table,
        _ marks: inout [UInt16: SlotMarks]
    ) {
        for index in 0..<window.pointee.count {
            let entry = window.pointee.entries + index
            let oldSlot = entry.pointee.slot
            let oldRecord = old.record(oldSlot)
            // A walk may still read the old table: its records are held by nobody any more.
            if self.entry(entry.pointee.previous) == nil {
                oldRecord.word2 = window.pointee.committed[index]
            }
            let key = old.shape.key(oldRecord)
            let hash = table.hash.hash(key)
            var slot = table.find(key, hash: hash)
            if slot == 0 {
                slot = table.insertProvisional(key, hash: hash, room: Int(entry.pointee.rowCount))
            }
            let record = table.record(slot)
            entry.pointee.slot = slot
            entry.pointee.previous = record.pending
            if record.pending == 0 { window.pointee.committed[index] = record.word2 }
            record.pending = PendingWindow.reference(window: window.pointee.number, index: index)
            for (source, epoch) in epochs where epoch.marks.contains(oldSlot) {
                marks[source, default: SlotMarks()].insert(slot)
            }
        }
    }
}
