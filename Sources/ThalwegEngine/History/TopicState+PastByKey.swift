// What a topic was, in the order of keys, a page at a time.
//
// Every key that had a record at T has one in the table, be it a tombstone: that is kept as long as its
// change. So the smallest keys behind the token are looked for there, as in a scan of now, and then each
// is told as it was. Many that are found may not have been there yet, or not have matched: such a page
// has fewer records than asked for, even none, and goes on.
import ThalwegFilter
import ThalwegModel
import ThalwegWire

extension TopicState {
    /// See `Partition.scan(_:at:_:into:)`. The token is the last key looked at.
    func scanPastByKey(
        _ query: ScanQuery, at point: UInt64, into writer: inout RecordsWriter
    ) throws(ThalwegError) -> [UInt8] {
        try checkKeyToken(query.token)
        let limit = query.limit == 0 ? ScanQuery.keyPageRecords : query.limit
        // With a filter, or for what came later, many are looked at for one that is told.
        let most =
            query.filter == nil
            ? min(2 * limit, ScanQuery.keyPageRecords) : ScanQuery.keyPageRecords
        let slots = smallestKeys(most, behind: query.token, at: point, query.filter)
        let isWhole = slots.count < most
        var steps = 0
        for (number, slot) in slots.enumerated() {
            let isFull = writer.count >= limit || writer.byteCount >= query.limitBytes
            if number > 0, isFull || steps >= 1 << 16 {
                return Array(key(slots[number - 1]))
            }
            steps += try appendPast(table.record(slot), at: point, query.filter, into: &writer)
        }
        guard !isWhole, let last = slots.last else { return [] }
        return Array(key(last))
    }

    /// Slots of records that may have been there at `point`, in the order of their keys.
    private func smallestKeys(
        _ count: Int, behind token: [UInt8], at point: UInt64, _ filter: Filter?
    ) -> [UInt32] {
        let kind = table.shape.keyKind
        var page = KeyPage(limit: count)
        token.withUnsafeBytes { token in
            table.walk(after: 0) { offset, slot in
                let record = table.record(slot)
                guard record.isLast(offset), record.isLive || offset > point else { return true }
                let key = table.shape.key(record)
                guard token.isEmpty || KeyOrder.isBefore(token, key, kind),
                    page.wants({ KeyOrder.isBefore(key, self.key($0), kind) })
                else { return true }
                // What changed since is looked at when it is told.
                if offset <= point, let filter, !matches(record, filter) { return true }
                page.insert(slot) { KeyOrder.isBefore(self.key($0), self.key($1), kind) }
                return true
            }
        }
        return page.slots.sorted { KeyOrder.isBefore(key($0), key($1), kind) }
    }
}
