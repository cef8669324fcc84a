import Testing
import ThalwegModel
import ThalwegWire

@testable import ThalwegEngine

/// A leader, a follower with another hash, and the naive stream must agree on answers, records and
/// history, through repeated batches, lost numbers, snapshots and migrations.
@Suite struct StreamRandomTests {
    @Test(arguments: 1...12 as ClosedRange<UInt64>)
    func aStreamIsWhatTheNaiveOneSays(seed: UInt64) throws {
        var run = try StreamRun(seed: seed)
        for _ in 0..<1_500 { try run.step() }
        try run.compare()
        #expect(run.library.opened > 0, "seed \(seed): a snapshot has named a stored chunk")
        #expect(run.truncations > 5, "seed \(seed)")
        #expect(run.repeats > 20 && run.refusedNumbers > 5, "seed \(seed) has met every case")
    }
}

private struct StreamRun {
    let seed: UInt64
    var random: RandomSource
    let id = TopicID(5)
    var naive: NaiveStream
    var layout: RowLayout?
    let generator: WriteGenerator
    /// Small chunks of the leader's history go here.
    let library = MemoryLibrary()
    let leader: Partition
    var follower: Partition
    var now: Int64 = 1_000
    var token: UInt64 = 0
    var repeats = 0
    var refusedNumbers = 0
    var truncations = 0
    let sessions = (1...3).map { UniqueID(high: $0, low: 9) }
    /// Batches that were sent, to be sent again.
    var sent: [Sent] = []
    /// What the batches of the open group must be answered.
    var expected: [UInt64: [WriteOutcome]?] = [:]

    struct Sent {
        var writes: [NaiveWrite]
        var source: UInt16
        var isAtomic: Bool
        var session: UniqueID
        var number: UInt64
        var layout: RowLayout?
    }

    init(seed: UInt64) throws {
        self.seed = seed
        random = RandomSource(seed: seed)
        let kind = random.pick(KeyKind.allCases)
        let schema = random.once(in: 3) ? nil : try Schema(random.fields(0..<1 + random.below(6)))
        let definition = TopicDefinition(
            name: "stream", keyKind: kind, schema: schema,
            options: TopicOptions(
                writes: .every, history: .forever, tombstoneRetentionMicroseconds: .max))
        naive = NaiveStream(definition)
        layout = try schema.map { try RowLayout($0) }
        generator = try WriteGenerator(&random, kind: kind)
        leader = StreamRun.partition(seed, library)
        follower = StreamRun.partition(seed ^ 77, library)
        for partition in [leader, follower] {
            _ = try partition.apply(createEntry(id, definition))
        }
    }

    private static func partition(_ seed: UInt64, _ library: MemoryLibrary) -> Partition {
        var limits = Limits()
        limits.historyChunkBytes = 3_000
        let partition = Partition(seed: seed, limits: limits)
        partition.historyLibrary = library
        return partition
    }

    private func store() {
        guard let piece = leader.takeUnstoredHistory(id) else { return }
        let name = HistoryName(topic: id, firstOffset: piece.firstOffset)
        #expect(leader.takeUnstoredHistory(id) == nil, "one at a time")
        leader.historyStored(name, library.keep(piece))
    }

    mutating func step() throws {
        now += Int64(random.below(500))
        if random.once(in: 10) { store() }
        switch random.below(20) {
        case 0: try snapshot()
        case 1 where random.once(in: 10): try migrate()
        case 1 where random.once(in: 3): try truncate()
        case 2..<4: try commit()
        case 4..<7 where !sent.isEmpty: try again()
        default: try send()
        }
    }

    /// What is queued has a layout at the moment it is applied: entries are cut before it changes.
    private mutating func migrate() throws {
        try commit()
        guard var definition = Optional(naive.topic.definition), let schema = definition.schema
        else { return }
        let count = schema.fields.count
        definition.schema = try Schema(
            schema.fields + random.fields(count..<count + 1 + random.below(2)))
        naive.topic.definition = definition
        layout = try definition.schema.map { try RowLayout($0) }
        for partition in [leader, follower] { _ = try partition.apply(alterEntry(id, definition)) }
    }

    private mutating func truncate() throws {
        try commit()
        token += 1
        let entry = try #require(
            try leader.truncate(id, time: Timestamp(microseconds: now), token: token))
        // Writes may be queued before it is durable; they come behind it.
        naive.truncate()
        let applied = try leader.apply(entry)
        let followed = try follower.apply(entry)
        #expect(applied.completions.map(\.token) == [token], "seed \(seed)")
        #expect(followed.completions.isEmpty && followed.after == applied.after)
        #expect(try leader.describe(id).liveRecords == 0, "seed \(seed)")
        truncations += 1
    }

    private mutating func send() throws {
        let writes = try (0..<1 + random.below(6)).map { _ in
            try generator.write(&random, layout, naive.topic)
        }
        var session = random.pick(sessions)
        var number = naive.next[session, default: 1]
        if random.once(in: 25) {
            number += 1 + UInt64(random.below(3))
            refusedNumbers += 1
        }
        if random.once(in: 4) { session = UniqueID(high: 0, low: 0) }
        let batch = Sent(
            writes: writes, source: generator.source(&random), isAtomic: random.once(in: 4),
            session: session, number: number, layout: layout)
        if session.high > 0, number == naive.next[session, default: 1] { sent.append(batch) }
        if sent.count > 40 { sent.removeFirst() }
        try enqueue(batch)
    }

    private mutating func again() throws {
        repeats += 1
        try enqueue(random.pick(sent))
    }

    private mutating func enqueue(_ batch: Sent) throws {
        token += 1
        let isNumbered = batch.session.high > 0
        let bytes = try batch.writes.flatMap { try $0.packed(batch.layout) }
        let header = WriteBatchHeader(
            topic: id, acknowledgement: .committedEach, isAtomic: batch.isAtomic,
            count: UInt32(batch.writes.count),
            numbering: isNumbered ? WriteNumbering(number: batch.number, answered: 0) : nil)
        let outcome = try bytes.withUnsafeBytes {
            try leader.merge(
                $0, header: header, source: SourceID(batch.source), session: batch.session,
                time: Timestamp(microseconds: now), token: token)
        }
        #expect(outcome.queued == header.count)
        expected[token] = try .some(
            naive.run(
                batch.writes, source: batch.source, isAtomic: batch.isAtomic, layout: layout,
                time: 0, session: isNumbered ? batch.session : nil, number: batch.number))
    }

    private mutating func commit() throws {
        guard let sealed = leader.seal(id, now), let entry = sealed.entry else { return }
        let applied = try leader.apply(entry)
        let followed = try follower.apply(entry)
        #expect(followed.completions.isEmpty && followed.after == applied.after)
        #expect(applied.completions.count == expected.count, "seed \(seed)")
        for completion in applied.completions {
            let waiting = expected.removeValue(forKey: completion.token)
            let told = try #require(waiting)
            guard let told else {
                #expect(completion.refusal?.code == .unknownSession, "seed \(seed)")
                continue
            }
            #expect(completion.refusal == nil, "seed \(seed)")
            #expect(completion.results.map(plain) == told.map(plain), "seed \(seed)")
        }
        #expect(expected.isEmpty, "seed \(seed)")
    }

    /// The naive stream does not say which of several reasons comes first.
    private func plain(_ outcome: WriteOutcome) -> WriteOutcome {
        var outcome = outcome
        outcome.code = nil
        return outcome
    }

    /// The follower is replaced by one that knows the leader's snapshot only.
    private mutating func snapshot() throws {
        try commit()
        var snapshot = leader.beginSnapshot()
        let restored = StreamRun.partition(seed ^ random.next(), library)
        // A few batches in the middle of it; there are as many blocks as chunks of history.
        var sends = 4
        while let block = leader.nextBlock(&snapshot, limit: 200 + random.below(2_000)) {
            try restored.load(block)
            if sends > 0, random.once(in: 2) {
                sends -= 1
                try send()
            }
        }
        follower = restored
        let last = try leader.describe(id).lastOffset.rawValue
        try compare(after: last - min(last, 100))
    }

    /// Leader, follower and model hold the same.
    ///
    /// - Parameter after: history up to here was compared before.
    func compare(after offset: UInt64 = 0) throws {
        #expect(try leader.hash(id) == follower.hash(id), "seed \(seed)")
        var newest: [[UInt8]: NaiveChange] = [:]
        let last = try leader.describe(id).lastOffset
        #expect(last.rawValue <= naive.topic.last, "seed \(seed)")
        // What is queued is in the naive stream already.
        let committed = naive.history.prefix(Int(last.rawValue))
        for change in committed { newest[change.key] = change }
        for (partition, name) in [(leader, "leader"), (follower, "follower")] {
            #expect(
                try partition.readHistory(id, after: offset)
                    == Array(committed.dropFirst(Int(offset))), "\(name), seed \(seed)")
            for key in generator.keys {
                let change = newest[key]
                let record = try partition.read(id, key)
                #expect(record?.offset == change?.offset, "\(name), seed \(seed)")
                #expect(
                    record?.row == change.flatMap { $0.kind == .deleted ? nil : $0.row },
                    "\(name), seed \(seed)")
                #expect(record?.version == change?.version, "\(name), seed \(seed)")
            }
        }
    }
}

extension Partition {
    /// Every change of the history behind `offset`, as a subscriber gets it.
    func readHistory(_ topic: TopicID, after offset: UInt64) throws -> [NaiveChange] {
        var position = FeedPosition.tail(Offset(offset))
        var writer = ChangesWriter()
        var changes: [NaiveChange] = []
        let query = FeedQuery(includesPrevious: true, tellsEvery: true)
        let kind = try describe(topic).definition.keyKind
        while true {
            writer.begin(topic)
            let progress = try encodeChanges(
                topic, at: &position, query: query, limitBytes: 500, into: &writer)
            let payload = writer.finish(
                [], resume: progress.reached, completeAt: progress.completeAt
            ).payload
            var cursor = try ChangeCursor(payload, kind: kind)
            while let change = try cursor.next() {
                changes.append(NaiveChange(change))
            }
            if progress.isAtTail { return changes }
        }
    }
}

extension NaiveChange {
    init(_ change: LentChange) {
        self.init(
            kind: change.kind, key: Array(change.key), offset: change.offset.rawValue,
            version: change.version.rawValue, row: Array(change.row),
            previous: change.previous.map { Array($0) },
            metadata: change.metadata.map { Array($0) },
            sources: change.sources.map(\.rawValue), source: change.origin?.source.rawValue ?? 0,
            time: 0)
    }
}

/// Stored chunks in memory.
final class MemoryLibrary: HistoryLibrary {
    private var kept: [HistoryName: MemoryChunk] = [:]
    private(set) var opened = 0

    func keep(_ piece: HistoryPiece) -> StoredHistory {
        let chunk = MemoryChunk(piece)
        kept[HistoryName(topic: piece.topic, firstOffset: piece.firstOffset)] = chunk
        return chunk.lent
    }

    func open(_ name: HistoryName) throws(ThalwegError) -> StoredHistory {
        opened += 1
        guard let chunk = kept[name] else { throw ThalwegError(.logDamaged, "no such chunk") }
        return chunk.lent
    }
}

private final class MemoryChunk {
    private let contents: UnsafeMutableRawBufferPointer
    private let positions: UnsafeMutableBufferPointer<UInt32>
    private let times: (Int64, Int64)

    init(_ piece: HistoryPiece) {
        contents = .allocate(byteCount: piece.contents.count, alignment: 16)
        contents.copyBytes(from: piece.contents)
        positions = .allocate(capacity: piece.positions.count)
        _ = positions.initialize(from: piece.positions)
        times = (piece.firstTime, piece.lastTime)
    }

    deinit {
        contents.deallocate()
        positions.deallocate()
    }

    var lent: StoredHistory {
        StoredHistory(
            contents: UnsafeRawBufferPointer(contents),
            positions: UnsafeBufferPointer(positions), firstTime: times.0, lastTime: times.1,
            owner: self, check: {})
    }
}
