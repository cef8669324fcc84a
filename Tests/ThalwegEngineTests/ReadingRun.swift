// A random life of one topic after another on a leader and a follower, and readers of every kind:
// what a reader has folded from its deliveries is the table, restricted to what it asked for, at
// the offset it was told.
import Testing
import ThalwegFilter
import ThalwegModel
import ThalwegWire

@testable import ThalwegEngine

final class ReadingRun {
    let seed: UInt64
    var random: RandomSource
    var leader: Partition
    var follower: Partition
    var topic = TopicID(0)
    var definition = TopicDefinition(name: "none", keyKind: .u64, schema: nil)
    var layout: RowLayout?
    var generator: WriteGenerator
    var empty: NaiveTopic
    var log: [[UInt8]] = []
    var applied = 0
    var now: Int64 = 1_000_000
    var readers: [FoldingReader] = []
    /// The table's live rows by key, read one by one.
    var table: [[UInt8]: [UInt8]] = [:]
    var steps = 0
    var counts: [String: Int] = [:]

    init(seed: UInt64) throws {
        self.seed = seed
        random = RandomSource(seed: seed)
        leader = Partition(seed: seed)
        follower = Partition(seed: seed &* 31 &+ 7)
        generator = try WriteGenerator(&random, kind: .u64)
        empty = NaiveTopic(definition)
        try createTopic()
    }

    func run(steps count: Int) throws {
        while steps < count {
            steps += 1
            try step()
        }
    }

    func count(_ what: String) { counts[what, default: 0] += 1 }

    var comment: Comment { Comment(rawValue: "seed \(seed), step \(steps)") }

    private func step() throws {
        now += Int64(random.below(20_000))
        if random.once(in: 40) { return try disturb() }
        switch random.below(100) {
        case 0..<30: try merge()
        case 30..<45: try seal()
        case 45..<62: try applyNext()
        case 62..<92: try stepReader()
        case 92: try addReader()
        case 93: if !readers.isEmpty { reconnect(random.below(readers.count)) }
        case 94: if !readers.isEmpty { save(random.below(readers.count)) }
        case 95: now += Int64(random.below(20_000_000))
        case 96: if random.once(in: 8) { try alter() }
        case 97: if random.once(in: 20) { try drop() }
        case 98: if random.once(in: 8) { try restart() }
        default: noteTails(isWanted: !random.once(in: 4), previous: !random.once(in: 4))
        }
    }

    // MARK: Topics

    private func createTopic() throws {
        topic = TopicID(topic.rawValue + 1)
        let kind = random.pick(KeyKind.allCases)
        let schema =
            random.once(in: 5) ? nil : try Schema(random.fields(0..<1 + random.below(6)))
        definition = TopicDefinition(
            name: "topic-\(topic)", keyKind: kind, schema: schema,
            options: TopicOptions(
                tombstoneRetentionMicroseconds: random.pick([0, 50_000, 400_000, 300_000_000])))
        layout = try schema.map { try RowLayout($0) }
        generator = try WriteGenerator(&random, kind: kind)
        empty = NaiveTopic(definition)
        try append(createEntry(topic, definition))
        noteTails(isWanted: true, previous: true)
        for _ in 0..<1 + random.below(4) { try addReader() }
    }

    func append(_ entry: [UInt8]) throws {
        while applied < log.count { try applyNext() }
        log.append(entry)
        _ = try leader.apply(entry)
        _ = try follower.apply(entry)
        applied += 1
    }

    private func alter() throws {
        guard let schema = definition.schema, schema.fields.count < 30 else { return }
        let count = schema.fields.count
        definition.schema = try Schema(
            schema.fields + random.fields(count..<count + 1 + random.below(2)))
        try append(alterEntry(topic, definition))
        layout = try definition.schema.map { try RowLayout($0) }
        empty = NaiveTopic(definition)
        // What was folded before means the same, with the new fields by default.
        for at in readers.indices {
            readers[at].fold = readers[at].fold.mapValues(appended)
            readers[at].saved.fold = readers[at].saved.fold.mapValues(appended)
        }
        self.count("migration")
    }

    private func appended(_ record: FoldedRecord) -> FoldedRecord {
        var record = record
        for field in definition.schema?.fields[record.values.count...] ?? [] {
            record.values.append(field.type.defaultValue)
        }
        return record
    }

    private func drop() throws {
        try append(dropEntry(topic))
        table = [:]
        for at in readers.indices {
            var writer = ChangesWriter()
            writer.begin(topic)
            #expect(throws: ThalwegError.self, comment) {
                try leader.encodeChanges(
                    topic, at: &readers[at].position, query: readers[at].query, limitBytes: 100,
                    into: &writer)
            }
        }
        readers = []
        count("drop")
        try createTopic()
    }

    private func noteTails(isWanted: Bool, previous: Bool) {
        leader.noteTail(topic, isWanted: isWanted, previous: previous)
        follower.noteTail(topic, isWanted: isWanted, previous: previous)
    }

    /// Both nodes come back from the log; readers go on where they were.
    private func restart() throws {
        while applied < log.count { try applyNext() }
        leader = Partition(seed: seed &+ UInt64(steps))
        follower = Partition(seed: seed &- UInt64(steps))
        for entry in log {
            _ = try leader.apply(entry)
            _ = try follower.apply(entry)
        }
        noteTails(isWanted: true, previous: true)
        for at in readers.indices { readers[at].position = .after(readers[at].resumeOffset) }
        count("restart")
    }

    // MARK: Writes

    private func merge() throws {
        var bytes: [UInt8] = []
        let size = 1 + random.below(random.pick([1, 3, 20]))
        for _ in 0..<size {
            bytes += try generator.write(&random, layout, empty).packed(layout)
        }
        let header = WriteBatchHeader(
            topic: topic, acknowledgement: .none, isAtomic: false, count: UInt32(size))
        let source = SourceID(generator.source(&random))
        _ = try bytes.withUnsafeBytes {
            try leader.merge(
                $0, header: header, source: source, time: Timestamp(microseconds: now), token: nil)
        }
    }

    func seal() throws {
        if let entry = leader.seal(topic, now)?.entry { log.append(entry) }
    }

    func applyNext() throws {
        guard applied < log.count else { return }
        let entry = log[applied]
        applied += 1
        let before = table
        let outcome = try leader.apply(entry)
        _ = try follower.apply(entry)
        for key in generator.keys {
            table[key] = try leader.read(topic, key)?.row
        }
        count("entry")
        for at in readers.indices where readers[at].isLive {
            try stepLive(at, from: before, first: outcome.before.rawValue)
        }
    }

    // MARK: Readers

    private func addReader() throws {
        guard readers.count < 12 else {
            readers.remove(at: random.below(readers.count))
            return
        }
        let text = random.once(in: 3) ? "" : filterText()
        let filter = try leader.filter(topic, text)
        let query = FeedQuery(
            filter: filter, fields: random.once(in: 2) ? .max : random.next(),
            includesPrevious: random.once(in: 2))
        let tail = try leader.describe(topic).lastOffset
        readers.append(
            FoldingReader(
                query: query, isOnFollower: random.once(in: 3), isLive: random.once(in: 3),
                position: .start(tail: tail)))
    }

    private func filterText() -> String {
        var terms: [String] = []
        for field in definition.schema?.fields ?? [] where random.once(in: 2) {
            if let term = term(field) { terms.append(random.once(in: 4) ? "not \(term)" : term) }
        }
        if definition.keyKind == .u64, random.once(in: 3) { terms.append("key < 500") }
        if definition.keyKind == .string, random.once(in: 3) {
            terms.append("key startsWith \"k\"")
        }
        if random.once(in: 12) { terms.append("source in (1, \(generator.sources.last ?? 1))") }
        return terms.joined(separator: random.once(in: 2) ? " and " : " or ")
    }

    private func term(_ field: Field) -> String? {
        switch field.type {
        case .scalar(.bool): "\(field.name)"
        case .scalar(.i8), .scalar(.i16), .scalar(.i32), .scalar(.i64), .scalar(.timestamp):
            "\(field.name) \(random.pick(["<", ">=", "=="])) \(random.below(3) - 1)"
        case .scalar(.uuid): nil
        case .scalar: "\(field.name) \(random.pick(["<", ">=", "!="])) \(random.below(3))"
        case .string: "\(field.name) contains \"a\""
        case .optional: "(\(field.name) is present)"
        default: nil
        }
    }

    private func stepReader() throws {
        guard !readers.isEmpty else { return }
        let at = random.below(readers.count)
        _ = try deliver(at, limitBytes: random.pick([1, 60, 400, 4_000, 1 << 20]))
    }

    private func save(_ at: Int) {
        readers[at].saved = (readers[at].resumeOffset, readers[at].fold)
    }

    /// A connection is lost: the reader comes back with what it had at some earlier delivery.
    private func reconnect(_ at: Int) {
        let saved = readers[at].saved
        readers[at].fold = saved.fold
        readers[at].resumeOffset = saved.resume
        readers[at].position = .after(saved.resume)
        if saved.resume == .start { startOver(at) }
        count("reconnect")
    }

    private func startOver(_ at: Int) {
        guard let reading = try? leader.describe(topic) else { return }
        readers[at].fold = [:]
        readers[at].resumeOffset = .start
        readers[at].saved = (.start, [:])
        readers[at].position = .start(tail: reading.lastOffset)
    }

    /// One delivery: checked for order, folded, and compared where it ends at the tail.
    private func deliver(
        _ at: Int, limitBytes: Int
    ) throws -> (progress: FeedProgress, changes: [FoldedChange])? {
        let partition = readers[at].isOnFollower ? follower : leader
        let before = readers[at].position.offset
        var writer = ChangesWriter(capacity: 64)
        writer.begin(topic)
        let progress: FeedProgress
        do throws(ThalwegError) {
            progress = try partition.encodeChanges(
                topic, at: &readers[at].position, query: readers[at].query,
                limitBytes: limitBytes, into: &writer)
        } catch {
            #expect(error.code == .tooOld, comment)
            let horizon = try partition.describe(topic).horizon
            #expect(before < horizon, comment)
            #expect(writer.count == 0, comment)
            startOver(at)
            count("too old")
            return nil
        }
        let payload = writer.finish(
            [], resume: progress.reached, completeAt: progress.completeAt
        ).payload
        let (resume, changes) = try FoldedChange.all(payload, definition.keyKind)
        #expect(changes.count == progress.count && resume == progress.reached, comment)
        #expect(resume >= before && readers[at].position.offset == resume, comment)
        var last = before.rawValue
        var seen: Set<[UInt8]> = []
        for change in changes {
            #expect(change.offset > last && change.offset <= resume.rawValue, comment)
            #expect(seen.insert(change.key).inserted, comment)
            last = change.offset
            #expect(change.sources == (try partition.read(topic, change.key)?.sources), comment)
            fold(change, at)
        }
        readers[at].resumeOffset = resume
        readers[at].deliveries += 1
        if progress.isAtTail { compare(at) }
        count(progress.isAtTail ? "delivery to the tail" : "delivery on the way")
        return (progress, changes)
    }

    private func fold(_ change: FoldedChange, _ at: Int) {
        if change.kind.hasRow {
            if let layout {
                let check = change.row.withUnsafeBytes { layout.check($0) }
                #expect(check != .invalid, comment)
            }
            readers[at].fold[change.key] = FoldedRecord(change.row, layout, fields: .max)
        } else {
            readers[at].fold[change.key] = nil
        }
    }

    private func compare(_ at: Int) {
        let reader = readers[at]
        guard reader.isComparable else { return }
        let expected = table.filter { matches($0.key, $0.value, reader.query.filter) }
            .mapValues { FoldedRecord($0, layout, fields: reader.query.fields) }
        #expect(reader.fold == expected, comment)
    }

    private func matches(_ key: [UInt8], _ row: [UInt8], _ filter: Filter?) -> Bool {
        guard let filter else { return true }
        return key.withUnsafeBytes { key in
            row.withUnsafeBytes { row in
                filter.matches(
                    row: row, key: key, sources: UnsafeBufferPointer(start: nil, count: 0))
            }
        }
    }

    // MARK: At the tail

    /// A reader that was at the tail hears exactly what the entry did.
    private func stepLive(_ at: Int, from before: [[UInt8]: [UInt8]], first: UInt64) throws {
        let held = readers[at].fold
        let wasAtTail =
            readers[at].position.exactAt.rawValue == first
            && readers[at].position.offset.rawValue == first && readers[at].deliveries > 0
        let noted = leader.box(topic)?.state.tail
        let limit = random.pick([200, 1 << 20])
        var changes: [FoldedChange] = []
        var hasArrived = false
        while let (progress, some) = try deliver(at, limitBytes: limit) {
            changes += some
            hasArrived = progress.isAtTail
            if hasArrived { break }
        }
        // Behind a truncation the reader has to start over.
        guard wasAtTail, hasArrived, readers[at].isComparable, noted?.isWanted == true,
            noted?.wantsPrevious == true
        else { return }
        count("exact delivery")
        var told: [[UInt8]: FoldedChange] = [:]
        for change in changes { told[change.key] = change }
        for key in generator.keys {
            check(told[key], of: key, before[key], table[key], held[key], readers[at].query)
        }
    }

    private func check(
        _ change: FoldedChange?, of key: [UInt8], _ old: [UInt8]?, _ new: [UInt8]?,
        _ held: FoldedRecord?, _ query: FeedQuery
    ) {
        let matchedBefore = old.map { matches(key, $0, query.filter) } ?? false
        let matchesNow = new.map { matches(key, $0, query.filter) } ?? false
        let mask = changedFields(old, new)
        var expected: ChangeKind?
        switch (matchedBefore, matchesNow) {
        case (true, true):
            expected = old != new && mask & query.fields != 0 ? .updated : nil
        case (true, false): expected = new == nil ? .deleted : .left
        case (false, true): expected = old == nil ? .created : .entered
        case (false, false): expected = nil
        }
        if expected == nil, change?.kind == .deleted || change?.kind == .left, held == nil {
            // Held by nobody, and told by nobody.
            Issue.record(comment)
        }
        #expect(change?.kind == expected, comment)
        guard let change, expected == .updated else { return }
        #expect(change.changedFields == mask & query.fields, comment)
        if query.includesPrevious, let old {
            let previous = change.previous.map { FoldedRecord($0, layout, fields: .max) }
            #expect(previous == FoldedRecord(old, layout, fields: query.fields), comment)
        } else {
            #expect(change.previous == nil, comment)
        }
    }

    private func changedFields(_ old: [UInt8]?, _ new: [UInt8]?) -> UInt64 {
        guard let layout, let old, let new else { return .max }
        var mask: UInt64 = 0
        for (number, pair) in zip(layout.decode(old), layout.decode(new)).enumerated()
        where pair.0 != pair.1 {
            mask |= 1 << UInt64(number)
        }
        return mask
    }
}
