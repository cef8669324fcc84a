import ThalwegFilter
import ThalwegModel
import ThalwegWire

extension TopicState {
    func count(_ filter: Filter) -> Int {
        var count = 0
        table.walk(after: 0) { offset, slot in
            let record = table.record(slot)
            if record.isLast(offset), record.isLive, matches(record, filter) {
                count += 1
            }
            return true
        }
        return count
    }

    // MARK: By change

    func scanByChange(
        _ query: ScanQuery, into writer: inout RecordsWriter
    ) throws(ThalwegError) -> [UInt8] {
        let after = try ScanQuery.place(ofToken: query.token).rawValue
        guard after <= table.changes.last else {
            throw FeedPosition.beyond(Offset(after), newest: Offset(table.changes.last))
        }
        let limit = query.limit == 0 ? Int.max : query.limit
        var steps = 0
        var reached = table.changes.last
        table.walk(after: after) { offset, slot in
            guard steps < 1 << 16, writer.count < limit,
                writer.byteCount < query.limitBytes || writer.count == 0
            else {
                reached = offset - 1
                return false
            }
            steps += 1
            let record = table.record(slot)
            guard record.isLast(offset), record.isLive else { return true }
            if let filter = query.filter, !matches(record, filter) { return true }
            append(record, into: &writer)
            return true
        }
        guard reached < table.changes.last else { return [] }
        return withUnsafeBytes(of: reached.littleEndian) { Array($0) }
    }

    // MARK: By key

    /// Sees all records and keeps the smallest keys behind the token, in a heap with the largest
    /// of them on top.
    func scanByKey(
        _ query: ScanQuery, into writer: inout RecordsWriter
    ) throws(ThalwegError) -> [UInt8] {
        let kind = table.shape.keyKind
        try checkKeyToken(query.token)
        let limit =
            query.limit == 0
            ? ScanQuery.keyPageRecords : min(query.limit, ScanQuery.keyPageRecords)
        var page = KeyPage(limit: limit)
        query.token.withUnsafeBytes { token in
            table.walk(after: 0) { offset, slot in
                let record = table.record(slot)
                guard record.isLast(offset), record.isLive else { return true }
                let key = table.shape.key(record)
                guard token.isEmpty || KeyOrder.isBefore(token, key, kind),
                    page.wants({ KeyOrder.isBefore(key, self.key($0), kind) })
                else { return true }
                if let filter = query.filter, !matches(record, filter) { return true }
                page.insert(slot) { KeyOrder.isBefore(self.key($0), self.key($1), kind) }
                return true
            }
        }
        let isWhole = page.slots.count < limit
        let slots = page.slots.sorted { KeyOrder.isBefore(key($0), key($1), kind) }
        for (number, slot) in slots.enumerated() {
            if writer.byteCount >= query.limitBytes, number > 0 {
                return Array(key(slots[number - 1]))
            }
            append(table.record(slot), into: &writer)
        }
        guard !isWhole, let last = slots.last else { return [] }
        return Array(key(last))
    }

    func checkKeyToken(_ token: [UInt8]) throws(ThalwegError) {
        let kind = table.shape.keyKind
        let isToken = token.withUnsafeBytes { $0.isEmpty || KeyOrder.isKey($0, kind) }
        guard isToken else { throw ScanQuery.strangeToken(token) }
    }

    func key(_ slot: UInt32) -> UnsafeRawBufferPointer {
        table.shape.key(table.record(slot))
    }
}

/// The slots of a page's records: a binary heap with the last in order on top.
struct KeyPage {
    let limit: Int
    private(set) var slots: [UInt32] = []

    init(limit: Int) {
        self.limit = limit
    }

    /// Whether a record belongs here, which stands before the top or finds room.
    func wants(_ isBefore: (UInt32) -> Bool) -> Bool {
        guard slots.count == limit, let top = slots.first else { return true }
        return isBefore(top)
    }

    /// Adds a record that `wants` let in; the top makes room for it.
    mutating func insert(_ slot: UInt32, _ isBefore: (UInt32, UInt32) -> Bool) {
        if slots.count < limit {
            slots.append(slot)
            var child = slots.count - 1
            while child > 0, isBefore(slots[(child - 1) / 2], slots[child]) {
                slots.swapAt(child, (child - 1) / 2)
                child = (child - 1) / 2
            }
            return
        }
        slots[0] = slot
        var parent = 0
        while true {
            var largest = parent
            for child in 2 * parent + 1...2 * parent + 2
            where child < slots.count && isBefore(slots[largest], slots[child]) {
                largest = child
            }
            guard largest != parent else { return }
            slots.swapAt(parent, largest)
            parent = largest
        }
    }
}
