// A random life of one topic that keeps every write: what is sent waits in the open group, groups fly,
// and the naive stream runs each batch at the moment it is applied.
import Testing
import ThalwegModel
import ThalwegWire

@testable import ThalwegEngine

struct StreamRun {
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
    private let sessions = (1...3).map { UniqueID(high: $0, low: 9) }
    /// The number that each session gives its next write.
    private var next: [UniqueID: UInt64] = [:]
    /// Batches that were sent, to be sent again.
    var sent: [Sent] = []
    /// What the open group holds, and the groups on their way.
    private var open: [Queued] = []
    private var flying: [Flight] = []
    /// Batches queued so far.
    private var queued = 0
    var epochs: [UInt16: OpenEpoch] = [:]
    private var lastEpoch: UInt64 = 0
    var counts: [String: Int] = [:]

    struct Sent {
        var writes: [NaiveWrite]
        var source: UInt16
        var isAtomic: Bool
        var session: UniqueID
        var number: UInt64
    }

    private struct Queued {
        let token: UInt64
        let place: Int
        let batch: Sent
    }

    private struct Flight {
        let entry: [UInt8]
        var batches: [Queued] = []
        /// An epoch's end: who is told, whose it is, and what it takes back.
        var epoch: (token: UInt64, source: UInt16, stale: Set<[UInt8]>)?
    }

    struct OpenEpoch {
        let number: UInt64
        let isOfAll: Bool
        /// Batches queued before it.
        let begin: Int
        var asserted: Set<[UInt8]> = []
        var isEnding = false
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

    static func partition(_ seed: UInt64, _ library: MemoryLibrary) -> Partition {
        var limits = Limits()
        limits.historyChunkBytes = 3_000
        let partition = Partition(seed: seed, limits: limits)
        partition.historyLibrary = library
        return partition
    }

    var comment: Comment { "seed \(seed)" }
    var time: Timestamp { Timestamp(microseconds: now) }
    mutating func count(_ what: String) { counts[what, default: 0] += 1 }

    private func store() {
        guard let piece = leader.takeUnstoredHistory(id) else { return }
        let name = HistoryName(topic: id, firstOffset: piece.firstOffset)
        #expect(leader.takeUnstoredHistory(id) == nil, "one at a time")
        leader.historyStored(name, library.keep(piece))
    }

    mutating func step() throws {
        now += Int64(random.below(500))
        if random.once(in: 10) { store() }
        switch random.below(30) {
        case 0 where random.once(in: 2): try snapshot()
        case 1 where random.once(in: 10): try migrate()
        case 1 where random.once(in: 3): try truncate()
        case 2 where random.once(in: 6): try stepDown()
        case 3..<7: seal()
        case 7..<11: try applyNext()
        case 11 where random.once(in: 3): try commit()
        case 12..<14: try beginEpoch()
        case 14..<18: try endEpoch()
        case 18 where random.once(in: 3): abandonEpoch()
        case 19..<22 where !sent.isEmpty:
            count("repeated")
            try enqueue(random.pick(sent))
        default: try send()
        }
    }

    // MARK: Writes

    mutating func send() throws {
        let writes = try (0..<1 + random.below(6)).map { _ in
            try generator.write(&random, layout, naive.topic)
        }
        var session = random.pick(sessions)
        var number = next[session, default: 1]
        if random.once(in: 25) {
            number += 1 + UInt64(random.below(3))
            count("refused number")
        }
        if random.once(in: 4) { session = UniqueID(high: 0, low: 0) }
        let batch = Sent(
            writes: writes, source: generator.source(&random), isAtomic: random.once(in: 4),
            session: session, number: number)
        if session.high > 0, number == next[session, default: 1] {
            sent.append(batch)
            next[session] = number + UInt64(writes.count)
        }
        if sent.count > 40 { sent.removeFirst() }
        try enqueue(batch)
    }

    private mutating func enqueue(_ batch: Sent) throws {
        token += 1
        let isNumbered = batch.session.high > 0
        let bytes = try batch.writes.flatMap { try $0.packed(layout) }
        let header = WriteBatchHeader(
            topic: id, acknowledgement: .committedEach, isAtomic: batch.isAtomic,
            count: UInt32(batch.writes.count),
            numbering: isNumbered ? WriteNumbering(number: batch.number, answered: 0) : nil)
        let outcome = try bytes.withUnsafeBytes {
            try leader.merge(
                $0, header: header, source: SourceID(batch.source), session: batch.session,
                time: time, token: token)
        }
        #expect(outcome.queued == header.count)
        queued += 1
        open.append(Queued(token: token, place: queued, batch: batch))
    }

    // MARK: Groups

    private mutating func seal() {
        guard let entry = leader.seal(id, now)?.entry else {
            if !open.isEmpty, flying.count < 8 { count("group held back by an epoch") }
            return
        }
        flying.append(Flight(entry: entry, batches: open))
        open = []
    }

    private mutating func applyNext() throws {
        guard !flying.isEmpty else { return }
        let flight = flying.removeFirst()
        let before = try leader.describe(id).lastOffset.rawValue
        let applied = try leader.apply(flight.entry)
        let followed = try follower.apply(flight.entry)
        #expect(followed.completions.isEmpty && followed.after == applied.after, comment)
        if let epoch = flight.epoch {
            #expect(applied.completions.map(\.token) == [epoch.token], comment)
            #expect(applied.completions[0].refusal == nil, comment)
        } else {
            #expect(applied.completions.map(\.token) == flight.batches.map(\.token), comment)
        }
        try follow(flight, before, applied.completions)
    }

    /// The naive stream does the same; what it says is compared where somebody was told.
    private mutating func follow(
        _ flight: Flight, _ before: UInt64, _ told: [Completion]
    ) throws {
        if let epoch = flight.epoch {
            let changes = try leader.readHistory(id, after: before)
            #expect(Set(changes.map(\.key)) == epoch.stale, comment)
            #expect(changes.count == epoch.stale.count, "each of them once, seed \(seed)")
            for change in changes { naive.retract(change.key, epoch.source) }
            return
        }
        for (position, queued) in flight.batches.enumerated() {
            let expected = try run(queued)
            guard position < told.count else { continue }
            let completion = told[position]
            guard let expected else {
                #expect(completion.refusal?.code == .unknownSession, comment)
                continue
            }
            #expect(completion.refusal == nil, comment)
            #expect(completion.results.map(plain) == expected.map(plain), comment)
        }
    }

    private mutating func run(_ queued: Queued) throws -> [WriteOutcome]? {
        let batch = queued.batch
        let last = naive.history.count
        let outcomes = try naive.run(
            batch.writes, source: batch.source, isAtomic: batch.isAtomic, layout: layout,
            time: 0, session: batch.session.high > 0 ? batch.session : nil, number: batch.number)
        if let epoch = epochs[batch.source], queued.place > epoch.begin {
            for change in naive.history[last...] where change.sources.contains(batch.source) {
                epochs[batch.source]?.asserted.insert(change.key)
            }
        }
        return outcomes
    }

    /// The naive stream does not say which of several reasons comes first.
    private func plain(_ outcome: WriteOutcome) -> WriteOutcome {
        var outcome = outcome
        outcome.code = nil
        return outcome
    }

    /// Everything comes to its end, but for epochs that are open.
    mutating func commit() throws {
        repeat {
            seal()
            while !flying.isEmpty { try applyNext() }
            for source in epochs.filter({ $0.value.isEnding }).keys.sorted() {
                try searchEpoch(source)
                while !flying.isEmpty { try applyNext() }
            }
        } while !open.isEmpty || epochs.contains { $0.value.isEnding }
    }

    /// Another node leads for a moment, and this one again: what was on its way is in the log up to
    /// somewhere.
    private mutating func stepDown() throws {
        count("step down")
        let waiting = flying.flatMap { $0.epoch.map { [$0.token] } ?? $0.batches.map(\.token) }
        #expect(leader.stepDown() == waiting + open.map(\.token), comment)
        epochs = [:]
        open = []
        for flight in flying.prefix(random.below(flying.count + 1)) {
            let before = try leader.describe(id).lastOffset.rawValue
            let applied = try leader.apply(flight.entry)
            #expect(applied.completions.isEmpty, comment)
            #expect(try follower.apply(flight.entry).after == applied.after, comment)
            try follow(flight, before, [])
        }
        flying = []
        next = naive.next
        sent.removeAll { $0.number >= naive.next[$0.session, default: 1] }
    }

    // MARK: Epochs

    private mutating func beginEpoch() throws {
        // One that asserts much, mostly.
        let source = generator.sources[random.below(min(2, generator.sources.count))]
        let isOfAll = random.once(in: 3)
        lastEpoch += 1
        guard epochs[source] == nil else {
            #expect(throws: ThalwegError.self) {
                try leader.beginEpoch(id, source: SourceID(source), number: lastEpoch)
            }
            return
        }
        try leader.beginEpoch(isOfAll ? nil : id, source: SourceID(source), number: lastEpoch)
        epochs[source] = OpenEpoch(number: lastEpoch, isOfAll: isOfAll, begin: queued)
        count("epoch begun")
    }

    private mutating func endEpoch() throws {
        guard !epochs.isEmpty else { return }
        let source = random.pick(epochs.keys.sorted())
        guard let epoch = epochs[source] else { return }
        guard !epoch.isEnding else { return try searchEpoch(source) }
        let topics = try leader.endEpoch(
            epoch.isOfAll ? nil : id, source: SourceID(source), number: epoch.number)
        guard !topics.isEmpty else {
            #expect(open.isEmpty && flying.isEmpty && held(source).isEmpty, comment)
            epochs[source] = nil
            return
        }
        epochs[source]?.isEnding = true
    }

    private func held(_ source: UInt16) -> Set<[UInt8]> {
        Set(naive.topic.records.filter { $0.value.state.sources.contains(source) }.keys)
    }

    private mutating func searchEpoch(_ source: UInt16) throws {
        guard let epoch = epochs[source] else { return }
        let step = leader.searchEpoch(
            id, source: SourceID(source), number: epoch.number,
            limit: random.pick([10, 100, 1_000]))
        guard case .isDone = step else { return }
        token += 1
        let stale = held(source).subtracting(epoch.asserted)
        let entry = try leader.cutDifference(
            id, source: SourceID(source), number: epoch.number, time: time, token: token)
        epochs[source] = nil
        count("epoch ended")
        #expect((entry == nil) == stale.isEmpty, comment)
        guard let entry else { return }
        #expect(flying.isEmpty, comment)
        count("retracted by an epoch")
        if !open.isEmpty { count("epoch with others behind it") }
        flying.append(Flight(entry: entry, epoch: (token, source, stale)))
    }

    private mutating func abandonEpoch() {
        let open = epochs.filter { !$0.value.isEnding }.keys.sorted()
        guard let source = open.first, let epoch = epochs.removeValue(forKey: source) else {
            return
        }
        leader.abandonEpoch(
            epoch.isOfAll ? nil : id, source: SourceID(source), number: epoch.number)
        count("epoch abandoned")
    }
}
