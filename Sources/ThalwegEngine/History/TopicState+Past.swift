// What a topic was: told from the table and from the changes since, each of which knows the row
// that it replaced and the offset of the change before it of the same record.
//
//   record at T   its newest change is not behind T: as it is. Else from that change back to the
//                 first one behind T, whose row before is what the record held at T
//   all at T      records whose newest change is not behind T, by the change index; and of the
//                 changes behind T those with none of their record between: their rows before
//   in key order  the smallest keys of the table, each as above: see `TopicState+PastByKey.swift`
//
// A tombstone is kept at least as long as its change, so the way back is never cut within the
// history. Nothing is kept between two calls, and each looks at a bounded number of changes.
import ThalwegFilter
import ThalwegModel
import ThalwegWire

extension TopicState {
    /// Changes and index entries that one call looks at.
    private static var stepsPerCall: Int { 1 << 16 }

    // MARK: Changes one by one

    func encodePast(
        _ query: HistoryQuery, _ scratch: inout FeedScratch, into writer: inout ChangesWriter
    ) throws(ThalwegError) -> HistoryProgress {
        let narrowed = layout.flatMap { $0.isNarrowed(by: query.feed.fields) ? $0 : nil }
        let until = min(query.until.rawValue, table.changes.last)
        let limit = query.limit == 0 ? Int.max : query.limit
        var steps = 0
        var reached = max(until, query.after.rawValue)
        try history.walk(after: query.after.rawValue) { change in
            guard change.offset <= until else { return false }
            guard steps < TopicState.stepsPerCall, writer.count < limit,
                writer.byteCount < query.limitBytes || writer.count == 0
            else {
                reached = change.offset - 1
                return false
            }
            steps += 1
            guard query.key.isEmpty || change.key.elementsEqual(query.key),
                let kind = kind(of: change, query.feed, isNarrowed: narrowed != nil)
            else { return true }
            append(change, as: kind, query.feed, narrowed, &scratch, into: &writer)
            return true
        }
        return HistoryProgress(reached: Offset(reached), isComplete: reached >= until)
    }

    // MARK: The difference

    private static var differenceSteps: Int { 1 << 14 }

    /// The first and the last change of a key in a range.
    private struct Net {
        let first: HistoryChange
        var last: HistoryChange
    }

    func encodeDifference(
        _ query: HistoryQuery, _ scratch: inout FeedScratch, into writer: inout ChangesWriter
    ) throws(ThalwegError) -> HistoryProgress {
        let until = min(query.until.rawValue, table.changes.last)
        var reached = max(until, query.after.rawValue)
        var steps = 0
        var bytes = 0
        var places: [LentKey: Int] = [:]
        var nets: [Net] = []
        try history.walk(after: query.after.rawValue) { change in
            guard change.offset <= until else { return false }
            guard steps < TopicState.differenceSteps, bytes < query.limitBytes else {
                reached = change.offset - 1
                return false
            }
            steps += 1
            // Rows before and after are all among these, so the answer is not larger.
            bytes += change.size
            let key = LentKey(bytes: change.key)
            if let place = places[key] {
                nets[place].last = change
            } else {
                places[key] = nets.count
                nets.append(Net(first: change, last: change))
            }
            return true
        }
        let narrowed = layout.flatMap { $0.isNarrowed(by: query.feed.fields) ? $0 : nil }
        for net in nets.sorted(by: { $0.last.offset < $1.last.offset }) {
            append(net, query.feed, narrowed, &scratch, into: &writer)
        }
        return HistoryProgress(reached: Offset(reached), isComplete: reached >= until)
    }

    private func append(
        _ net: Net, _ query: FeedQuery, _ narrowed: RowLayout?, _ scratch: inout FeedScratch,
        into writer: inout ChangesWriter
    ) {
        let last = net.last
        func isWanted(_ row: UnsafeRawBufferPointer) -> Bool {
            query.filter?.matches(row: row, key: last.key, sources: last.sources) ?? true
        }
        let isGone = last.kind == .deleted
        let before = net.first.previous.flatMap { isWanted($0) ? $0 : nil }
        let after = isGone || !isWanted(last.row) ? nil : last.row
        var changed = UInt64.max
        let kind: ChangeKind
        switch (before, after) {
        case (nil, nil): return
        case (nil, .some): kind = net.first.previous == nil ? .created : .entered
        case (.some, nil): kind = isGone ? .deleted : .left
        case (.some(let old), .some(let new)):
            if let layout {
                changed = layout.changedFields(from: old, to: new)
                guard changed & query.fields != 0 else { return }
            } else if old.hasSameBytes(as: new) {
                return
            }
            kind = .updated
        }
        let empty = UnsafeRawBufferPointer.empty
        writer.append(
            kind, reason: kind == .deleted ? last.reason : nil, key: last.key,
            offset: Offset(last.offset), version: RecordVersion(last.version),
            changedFields: changed == .max ? .max : changed & query.fields,
            sources: last.sources.lazy.map { SourceID($0) },
            row: after.map { TopicState.project($0, query.fields, narrowed, &scratch.row) }
                ?? empty,
            previous: before.map {
                TopicState.project($0, query.fields, narrowed, &scratch.previous)
            },
            metadata: last.metadata,
            origin: ChangeOrigin(
                time: Timestamp(microseconds: last.time), source: SourceID(last.source)))
    }

    // MARK: Records as they were

    func encodeRecord(
        _ key: UnsafeRawBufferPointer, at point: UInt64, into writer: inout RecordsWriter
    ) throws(ThalwegError) {
        let slot = table.find(key, hash: table.hash.hash(key))
        guard slot != 0, table.record(slot).state != RecordState.provisional else {
            return writer.appendAbsent()
        }
        let count = writer.count
        _ = try appendPast(table.record(slot), at: point, nil, into: &writer)
        if writer.count == count { writer.appendAbsent() }
    }

    /// The record as it was, if it was there and matched; gives how many changes were looked at.
    func appendPast(
        _ record: Record, at point: UInt64, _ filter: Filter?, into writer: inout RecordsWriter
    ) throws(ThalwegError) -> Int {
        guard record.lastChange > point else {
            guard record.isLive else { return 1 }
            if let filter, !matches(record, filter) { return 1 }
            append(record, into: &writer)
            return 1
        }
        var change = try history.change(record.lastChange)
        var steps = 1
        while change.before > point {
            change = try history.change(change.before)
            steps += 1
        }
        guard let row = change.previous else { return steps }
        if let filter,
            !filter.matches(row: row, key: change.key, sources: try before(change))
        {
            return steps
        }
        try appendBefore(change, row, into: &writer)
        return steps
    }

    /// See `Partition.scan(_:at:_:into:)`. The token: `u8 part (0 the table, 1 the changes since) |`
    /// `u64 offset walked`.
    func scanPast(
        _ query: ScanQuery, at point: UInt64, into writer: inout RecordsWriter
    ) throws(ThalwegError) -> [UInt8] {
        var (part, walked) = try TopicState.place(ofToken: query.token)
        let limit = query.limit == 0 ? Int.max : query.limit
        var steps = 0
        func isFull(_ writer: borrowing RecordsWriter) -> Bool {
            steps >= TopicState.stepsPerCall || writer.count >= limit
                || writer.byteCount >= query.limitBytes && writer.count > 0
        }
        var stoppedAt: UInt64?
        if part == 0 {
            table.walk(after: walked) { offset, slot in
                guard offset <= point else { return false }
                guard !isFull(writer) else {
                    stoppedAt = offset - 1
                    return false
                }
                steps += 1
                let record = table.record(slot)
                guard record.isLast(offset), record.isLive else { return true }
                if let filter = query.filter, !matches(record, filter) { return true }
                append(record, into: &writer)
                return true
            }
            if let stoppedAt { return TopicState.token(0, stoppedAt) }
            (part, walked) = (1, point)
        }
        try history.walk(after: max(walked, point)) { change throws(ThalwegError) in
            guard !isFull(writer) else {
                stoppedAt = change.offset - 1
                return false
            }
            steps += 1
            guard change.before <= point, let row = change.previous else { return true }
            if let filter = query.filter,
                !filter.matches(row: row, key: change.key, sources: try before(change))
            {
                return true
            }
            try appendBefore(change, row, into: &writer)
            return true
        }
        return stoppedAt.map { TopicState.token(1, $0) } ?? []
    }

    private static func token(_ part: UInt8, _ offset: UInt64) -> [UInt8] {
        [part] + withUnsafeBytes(of: offset.littleEndian) { Array($0) }
    }

    private static func place(
        ofToken token: [UInt8]
    ) throws(ThalwegError) -> (part: UInt8, offset: UInt64) {
        guard !token.isEmpty else { return (0, 0) }
        let offset = token.dropFirst().reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard token.count == 9, token[0] <= 1, offset <= Limits.offset else {
            throw ThalwegError(
                .invalidFrame, "\(token.count) bytes are not a token of this read",
                advice: "send back what the last page gave, with the same offset")
        }
        return (token[0], offset)
    }

    /// The record as `change` found it.
    private func appendBefore(
        _ change: HistoryChange, _ row: UnsafeRawBufferPointer, into writer: inout RecordsWriter
    ) throws(ThalwegError) {
        writer.append(
            .live, key: change.key, version: RecordVersion(change.version - 1),
            offset: Offset(change.before),
            sources: try before(change).lazy.map { SourceID($0) }, row: row)
    }

    /// Who asserted the record before the change; nobody is told where the change before is not
    /// kept.
    private func before(
        _ change: HistoryChange
    ) throws(ThalwegError) -> UnsafeBufferPointer<UInt16> {
        guard change.before >= firstKept else { return UnsafeBufferPointer(start: nil, count: 0) }
        return try history.change(change.before).sources
    }
}

/// A key where it lies in the history, to look it up by.
private struct LentKey: Hashable {
    let bytes: UnsafeRawBufferPointer

    static func == (one: LentKey, other: LentKey) -> Bool {
        one.bytes.hasSameBytes(as: other.bytes)
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(bytes: bytes)
    }
}
