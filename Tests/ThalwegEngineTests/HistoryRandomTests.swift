import Testing
import ThalwegFilter
import ThalwegModel
import ThalwegWire

@testable import ThalwegEngine

/// Reads of a topic's past against a model that keeps every state it ever had, while the history is
/// trimmed at random and partitions are replaced by ones that know a snapshot only.
@Suite struct HistoryRandomTests {
    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func thePastIsWhatItWas(seed: UInt64) throws {
        var run = try HistoryRun(seed: seed)
        for _ in 0..<50 { try run.step() }
        #expect(run.trims > 0, "seed \(seed) has met a history that begins later")
        #expect(run.looks > 100 && run.truncations > 0, "seed \(seed)")
    }
}

private struct HistoryRun {
    typealias State = [[UInt8]: Held]

    struct Held: Equatable {
        var row: [UInt8]
        var version: UInt64
        var offset: UInt64
    }

    let seed: UInt64
    var random: RandomSource
    let id = TopicID(5)
    var partition: Partition
    /// `states[n]` is what the topic was behind offset n, `times[n]` when that was committed.
    var states: [State] = [[:]]
    var times: [Int64] = [0]
    var changes: [NaiveChange] = []
    var now: Int64 = 1_000
    var trims = 0
    var looks = 0
    var truncations = 0

    init(seed: UInt64) throws {
        self.seed = seed
        random = RandomSource(seed: seed)
        partition = Partition(seed: seed)
        let history: TopicOptions.History = seed % 2 == 0 ? .count(20) : .microseconds(60_000)
        _ = try partition.apply(
            createEntry(
                id,
                TopicDefinition(
                    name: "past", keyKind: .u64, schema: nil,
                    options: TopicOptions(
                        writes: .every, history: history, tombstoneRetentionMicroseconds: 1))))
    }

    private func key(_ number: Int) throws -> [UInt8] { try Key.u64(UInt64(number)).encoded() }

    mutating func step() throws {
        // Large rows, so that chunks fill up and are trimmed.
        for _ in 0..<random.below(8) { try write() }
        if random.once(in: 12) { try truncate() }
        if random.once(in: 10) { try restore() }
        let first = try partition.offset(of: .earliest, in: id).rawValue
        if first > 0 { trims += 1 }
        let last = UInt64(states.count - 1)
        #expect(try partition.offset(of: .newest, in: id).rawValue == last)
        if first > 0 {
            let error = #expect(throws: ThalwegError.self) {
                try partition.offset(of: .offset(Offset(first - 1)), in: id)
            }
            #expect(error?.code == .tooOld, "seed \(seed)")
        }
        for _ in 0..<3 {
            let one = first + UInt64(random.below(Int(last - first) + 1))
            let two = one + UInt64(random.below(Int(last - one) + 1))
            try checkState(at: one)
            try checkDifference(one, two)
            try checkChanges(one, two)
            try checkTime(one, first)
            looks += 1
        }
    }

    private mutating func write() throws {
        now += Int64(1 + random.below(5_000))
        let number = random.below(12)
        let isDelete = random.once(in: 3)
        let row = [UInt8](
            repeating: UInt8(random.below(3)),
            count: random.once(in: 3) ? 200_000 : random.below(40))
        var writer = PackedBatchWriter()
        writer.begin(id, acknowledgement: .committed)
        if isDelete {
            writer.retract(key: UInt64(number))
        } else {
            row.withUnsafeBytes { writer.assert(key: UInt64(number), row: $0) }
        }
        let bytes = Array(writer.finish(requestID: 1).dropFirst(FrameHeader.size))
        try bytes.withUnsafeBytes { bytes in
            var reader = ByteReader(bytes)
            let header = try WriteBatchHeader(from: &reader)
            _ = try partition.merge(
                try reader.bytes(reader.remaining), header: header, source: SourceID(3),
                time: Timestamp(microseconds: now), token: nil)
        }
        guard let entry = partition.seal(id, now)?.entry else { return }
        _ = try partition.apply(entry)
        note(try key(number), isDelete ? nil : row)
    }

    /// The past is still what it was behind it.
    private mutating func truncate() throws {
        now += 1
        let entry = try #require(
            try partition.truncate(id, time: Timestamp(microseconds: now), token: 1))
        _ = try partition.apply(entry)
        let state = states.last ?? [:]
        for (key, _) in state.sorted(by: { $0.value.offset < $1.value.offset }) { note(key, nil) }
        truncations += 1
    }

    private mutating func note(_ key: [UInt8], _ row: [UInt8]?) {
        guard var state = states.last else { return }
        let old = state[key]
        guard row != nil || old != nil else { return }
        let newest = changes.last { $0.key == key }
        let offset = UInt64(states.count)
        let version = (newest?.version ?? 0) + 1
        state[key] = row.map { Held(row: $0, version: version, offset: offset) }
        states.append(state)
        times.append(now)
        changes.append(
            NaiveChange(
                kind: row == nil ? .deleted : old == nil ? .created : .updated, key: key,
                offset: offset, version: version, row: row ?? [], previous: old?.row,
                metadata: nil, sources: row == nil ? [] : [3], source: 3, time: 0))
    }

    private mutating func restore() throws {
        var snapshot = partition.beginSnapshot()
        let restored = Partition(seed: random.next())
        while let block = partition.nextBlock(&snapshot, limit: 5_000) {
            try restored.load(block)
        }
        partition = restored
    }

    // MARK: Looking

    private func rows(_ state: State) -> [[UInt8]: [UInt8]] { state.mapValues(\.row) }

    private mutating func checkState(at point: UInt64) throws {
        var writer = RecordsWriter()
        writer.begin(applied: Offset(point))
        for number in 0..<12 {
            try key(number).withUnsafeBytes {
                try partition.encodeRecord(id, at: Offset(point), key: $0, into: &writer)
            }
        }
        let state = states[Int(point)]
        try writer.finishPage(requestID: 1, nextToken: []).withPayload { payload in
            var cursor = try RecordCursor(scanPage: payload, kind: .u64)
            for number in 0..<12 {
                let record = try #require(try cursor.next())
                let held = state[try key(number)]
                try #require(
                    (record.presence == .live) == (held != nil),
                    "seed \(seed), key \(number) at \(point)")
                guard let held else { continue }
                try #require(Array(record.row) == held.row, "seed \(seed)")
                try #require(record.offset.rawValue == held.offset, "seed \(seed)")
            }
        }
        var token: [UInt8] = []
        var found: [[UInt8]: [UInt8]] = [:]
        repeat {
            let query = ScanQuery(limit: 1 + random.below(4), token: token)
            writer.begin(applied: Offset(point))
            token = try partition.scan(id, at: Offset(point), query, into: &writer)
            try writer.finishPage(requestID: 1, nextToken: token).withPayload { payload in
                var cursor = try RecordCursor(scanPage: payload, kind: .u64)
                while let record = try cursor.next() {
                    #expect(found[Array(record.key)] == nil, "seed \(seed): twice")
                    found[Array(record.key)] = Array(record.row)
                }
            }
        } while !token.isEmpty
        try #require(found == rows(state), "seed \(seed) at \(point)")
        try checkPages(inOrderOfKeysAt: point, state)
    }

    /// Each key once, ascending, whatever is written between two pages.
    private mutating func checkPages(inOrderOfKeysAt point: UInt64, _ state: State) throws {
        let least = random.once(in: 2) ? random.below(12) : 0
        let filter =
            try least == 0
            ? nil : Filter("key >= \(least)", keyKind: .u64, schema: nil)
        var token: [UInt8] = []
        var told: [(key: [UInt8], row: [UInt8], offset: UInt64)] = []
        var writer = RecordsWriter()
        repeat {
            let query = ScanQuery(
                order: .key, filter: filter, limit: random.below(4), token: token,
                limitBytes: random.once(in: 2) ? 1 : 1 << 20)
            writer.begin(applied: Offset(point))
            token = try partition.scan(id, at: Offset(point), query, into: &writer)
            try writer.finishPage(requestID: 1, nextToken: token).withPayload { payload in
                var cursor = try RecordCursor(scanPage: payload, kind: .u64)
                while let record = try cursor.next() {
                    told.append(
                        (Array(record.key), Array(record.row), record.offset.rawValue))
                }
            }
            // The place is still kept: what is forgotten goes in chunks of a mebibyte.
            if random.once(in: 4), (try? partition.offset(of: .earliest, in: id).rawValue) == 0 {
                try write()
            }
        } while !token.isEmpty
        let expected = try (least..<12).compactMap { number in
            let key = try key(number)
            return state[key].map { (key: key, row: $0.row, offset: $0.offset) }
        }
        try #require(told.map(\.key) == expected.map(\.key), "seed \(seed) at \(point)")
        try #require(told.map(\.row) == expected.map(\.row), "seed \(seed) at \(point)")
        try #require(told.map(\.offset) == expected.map(\.offset), "seed \(seed) at \(point)")
    }

    /// Applied to the first state, the difference gives the second, and nothing in it is idle.
    private mutating func checkDifference(_ one: UInt64, _ two: UInt64) throws {
        var state = rows(states[Int(one)])
        let target = rows(states[Int(two)])
        var at = one
        var isComplete = false
        var writer = ChangesWriter()
        while !isComplete {
            writer.begin(id)
            let progress = try partition.difference(
                id,
                HistoryQuery(
                    after: Offset(at), until: Offset(two), limitBytes: 1 + random.below(700_000)),
                into: &writer)
            var cursor = try ChangeCursor(
                writer.finish(
                    [], resume: progress.reached, completeAt: progress.reached
                ).payload, kind: .u64)
            while let change = try cursor.next() {
                let key = Array(change.key)
                try #require(change.previous.map { Array($0) } == state[key], "seed \(seed)")
                state[key] = change.kind.hasRow ? Array(change.row) : nil
                try #require(state[key] != change.previous.map { Array($0) }, "seed \(seed)")
            }
            try #require(progress.reached.rawValue > at || progress.isComplete, "seed \(seed)")
            at = progress.reached.rawValue
            isComplete = progress.isComplete
            try #require(state == rows(states[Int(at)]), "seed \(seed) at \(at)")
        }
        try #require(state == target, "seed \(seed): \(one) to \(two)")
    }

    private mutating func checkChanges(_ one: UInt64, _ two: UInt64) throws {
        let wanted = random.once(in: 2) ? try key(random.below(12)) : []
        var told: [NaiveChange] = []
        var at = one
        var isComplete = false
        var writer = ChangesWriter()
        while !isComplete {
            writer.begin(id)
            let progress = try partition.history(
                id,
                HistoryQuery(
                    after: Offset(at), until: Offset(two), limit: random.below(4), key: wanted,
                    feed: FeedQuery(includesPrevious: true, tellsEvery: true)),
                into: &writer)
            var cursor = try ChangeCursor(
                writer.finish(
                    [], resume: progress.reached, completeAt: progress.reached
                ).payload, kind: .u64)
            while let change = try cursor.next() { told.append(NaiveChange(change)) }
            at = progress.reached.rawValue
            isComplete = progress.isComplete
        }
        let expected = changes[Int(one)..<Int(two)].filter { wanted.isEmpty || $0.key == wanted }
        try #require(told.map(\.offset) == expected.map(\.offset), "seed \(seed)")
        try #require(told.map(\.row) == expected.map(\.row), "seed \(seed)")
        try #require(told.map(\.previous) == expected.map(\.previous), "seed \(seed)")
        try #require(told.map(\.kind) == expected.map(\.kind), "seed \(seed)")
    }

    private func checkTime(_ one: UInt64, _ first: UInt64) throws {
        // A truncation makes several changes at one time.
        for time in [times[Int(one)], times[Int(one)] - 1] {
            guard let expected = times.lastIndex(where: { $0 <= time }), expected > Int(first)
            else { continue }
            let place = try partition.offset(of: .time(Timestamp(microseconds: time)), in: id)
            #expect(place.rawValue == UInt64(expected), "seed \(seed)")
        }
    }
}

extension UnsafeRawBufferPointer {
    /// Lends a frame's payload.
    fileprivate func withPayload(_ body: (UnsafeRawBufferPointer) throws -> Void) throws {
        var splitter = FrameSplitter(self)
        try body(try #require(try splitter.next()).payload)
    }
}
