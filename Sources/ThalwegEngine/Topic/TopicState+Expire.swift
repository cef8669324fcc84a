import ThalwegModel

// Time to live. When a record was last asserted is the leader's own knowledge (a tick in the
// record, not in the log); that it expired is a deletion like any other, merged into the window and
// logged. A record whose tick is 0 came from a snapshot or from the log: it is given the whole
// time again, so that neither a restart nor a fail-over deletes anything early.
//
// Two more things would make ticks lie. A node that leads again has those of its last leadership,
// and knows nothing of what was asserted at others since. And the clock may be set: forwards, and
// everything looks old. Either way every record is given its whole time again: a tick before the
// floor counts as the floor, and one that lies in the future is taken back to now.
extension TopicState {
    /// Microseconds of one tick, as a power of two: 65.5 ms, so that 32 bits reach nine years.
    static let tickShift: Int64 = 16

    /// Deletes the records of one part of the key index that nobody asserted for the topic's time
    /// to live. Going through all 256 parts is one sweep.
    ///
    /// - Parameter uptime: of a clock that nobody sets.
    mutating func expire(part: Int, time: Int64, uptime: Int64?) {
        let lifetime = definition.options.timeToLiveMicroseconds
        guard lifetime > 0, table.shape.keyOffset != Record.headerSize else { return }
        let now = UInt32(truncatingIfNeeded: time >> TopicState.tickShift)
        let ticks = UInt32(clamping: lifetime >> UInt64(TopicState.tickShift)) + 1
        raiseFloor(now: max(now, 1), wallAhead: uptime.map { time - $0 })
        var expired: [UInt32] = []
        table.index.forEach(inPart: part) { slot in
            let record = table.record(slot)
            let asserted = record.address.load(fromByteOffset: Record.headerSize, as: UInt32.self)
            if asserted == 0 || TopicState.isTick(asserted, after: now) {
                record.address.storeBytes(
                    of: max(now, 1), toByteOffset: Record.headerSize, as: UInt32.self)
            } else if now &- asserted > ticks, !isForgiven(now, ticks) {
                expired.append(slot)
            }
        }
        if isStream { return queueDeletions(expired, reason: .expired, time: time) }
        for slot in expired {
            deletePending(slot, reason: .expired, time: time)
        }
    }

    private static func isTick(_ left: UInt32, after right: UInt32) -> Bool {
        left != right && left &- right < UInt32.max / 2
    }

    private mutating func raiseFloor(now: UInt32, wallAhead: Int64?) {
        var isSet = false
        if let wallAhead {
            // Whether it was set before the first look cannot be known.
            isSet = self.wallAhead.map { abs(wallAhead - $0) >> TopicState.tickShift > 0 } ?? true
            self.wallAhead = wallAhead
        }
        guard forgetsAssertions || isSet else { return }
        forgetsAssertions = false
        assertionFloor = now
    }

    /// The floor is so near that nothing can be old enough.
    private func isForgiven(_ now: UInt32, _ ticks: UInt32) -> Bool {
        assertionFloor != 0 && now &- assertionFloor <= ticks
    }

    /// Deletes a record in the open window, whoever asserts it.
    mutating func deletePending(_ slot: UInt32, reason: DeletionReason, time: Int64) {
        guard newest(slot).exists, open.pointee.count < PendingWindow.limit else { return }
        if open.pointee.openedAt == 0 { open.pointee.openedAt = time }
        open.pointee.reserve(1)
        let entry = open.pointee.entries + pendingIndex(slot, open)
        entry.pointee.exists = false
        entry.pointee.sources = SourceSets.empty
        entry.pointee.outcome.reason = reason.rawValue
    }
}
