// Drives a leader, a follower and the naive topics through the same random life, and compares them
// after every applied entry.
import Testing
import ThalwegModel
import ThalwegWire

@testable import ThalwegEngine

/// One topic of a run and what its readers have seen.
struct TopicTrack {
    let id: TopicID
    let generator: WriteGenerator
    var naive: NaiveTopic
    /// The layout in force at the leader.
    var layout: RowLayout?
    /// A reader that follows the topic now and then: its copy, and the offset it has seen.
    var copy: [[UInt8]: [UInt8]] = [:]
    var seen: UInt64 = 0
}

/// A finished snapshot and the number of log entries that it stands for.
struct TakenSnapshot {
    var blocks: [[UInt8]]
    var position: Int
}

final class TopicRun {
    let seed: UInt64
    var random: RandomSource
    var leader: Partition
    var follower: Partition
    var topics: [TopicTrack] = []
    var nextTopic: UInt32 = 1
    /// Every entry that was appended; the first `applied` of them are applied.
    var log: [[UInt8]] = []
    var applied = 0
    /// What an entry is about, beside windows.
    var alterations: [Int: TopicDefinition] = [:]
    var now: Int64 = 1_000_000
    var token: UInt64 = 0
    var writes = 0
    var walking: (snapshot: PartitionSnapshot, taken: TakenSnapshot)?
    var taken: TakenSnapshot?
    /// How often the rarer things happened.
    var counts: [String: Int] = [:]

    init(seed: UInt64) {
        self.seed = seed
        random = RandomSource(seed: seed)
        leader = Partition(seed: seed)
        follower = Partition(seed: seed &* 31 &+ 7)
    }

    func count(_ what: String) { counts[what, default: 0] += 1 }

    // MARK: The life

    func run(steps: Int) throws {
        try createTopic()
        while writes < steps {
            try step()
        }
        while applied < log.count { try applyNext() }
        try compareAll()
        let whole = try rebuilt(from: nil)
        for topic in topics { try compare(whole, topic, "a replay of the whole log") }
    }

    private func step() throws {
        now += Int64(random.below(20_000)) - 2_000
        switch random.below(100) {
        case 0..<45:
            try mergeBatch()
        case 45..<63:
            try sealOne()
        case 63..<83:
            if applied < log.count { try applyNext() }
        case 83..<95:
            try advanceSnapshot()
        case 95:
            now += Int64(random.below(20_000_000))
            leader.rest()
        case 96:
            if random.once(in: 3) { try alterOne() }
        case 97:
            if random.once(in: 4), topics.count < 3 { try createTopic() }
        case 98:
            if random.once(in: 6), topics.count > 1 { try dropOne() }
        default:
            if random.once(in: 3) { try restart() }
        }
    }

    private func append(_ entry: [UInt8]) {
        log.append(entry)
    }

    // MARK: Topics

    private func createTopic() throws {
        let kind = random.pick(KeyKind.allCases)
        let schema =
            random.once(in: 4) ? nil : try Schema(random.fields(0..<1 + random.below(8)))
        let definition = TopicDefinition(
            name: "topic-\(nextTopic)", keyKind: kind, schema: schema,
            options: TopicOptions(
                timeToLiveMicroseconds: random.once(in: 3) ? 1_000_000 : 0,
                tombstoneRetentionMicroseconds: random.pick([0, 30_000, 1_000_000, 300_000_000])))
        let topic = TopicID(nextTopic)
        nextTopic += 1
        while applied < log.count { try applyNext() }
        append(createEntry(topic, definition))
        try applyTopicEntry()
        topics.append(
            TopicTrack(
                id: topic, generator: try WriteGenerator(&random, kind: kind),
                naive: NaiveTopic(definition),
                layout: try definition.schema.map { try RowLayout($0) }))
    }

    private func alterOne() throws {
        let at = random.below(topics.count)
        var definition = topics[at].naive.definition
        guard !alterations.values.contains(where: { $0.name == definition.name }) else { return }
        if let schema = definition.schema, schema.fields.count < 40, random.once(in: 2) {
            let count = schema.fields.count
            let more = random.fields(count..<count + 1 + random.below(3))
            definition.schema = try Schema(schema.fields + more)
        } else {
            definition.options.tombstoneRetentionMicroseconds = random.pick([0, 50_000, 9_000_000])
        }
        alterations[log.count] = definition
        append(alterEntry(topics[at].id, definition))
        count("alter")
    }

    private func dropOne() throws {
        // Windows on their way would be answered as lost; that has a test of its own.
        while applied < log.count { try applyNext() }
        let track = topics.remove(at: random.below(topics.count))
        append(dropEntry(track.id))
        try applyTopicEntry()
        #expect(throws: ThalwegError.self) { try self.leader.describe(track.id) }
        count("drop")
    }

    private func applyTopicEntry() throws {
        _ = try leader.apply(log[applied])
        _ = try follower.apply(log[applied])
        applied += 1
    }

    // MARK: Writes

    private func mergeBatch() throws {
        let at = random.below(topics.count)
        let track = topics[at]
        let size = 1 + random.below(random.pick([1, 2, 10, 50, 200]))
        var batch: [NaiveWrite] = []
        var bytes: [UInt8] = []
        var ends: [Int] = []
        for _ in 0..<size {
            let write = try track.generator.write(&random, track.layout, track.naive)
            bytes += try write.packed(track.layout)
            ends.append(bytes.count)
            batch.append(write)
        }
        if random.once(in: 20) {
            bytes.removeLast(1 + random.below(min(bytes.count, 60)))
        }
        let isAtomic = random.once(in: 6)
        let acknowledgement = random.pick(Acknowledgement.allCases)
        let source = track.generator.source(&random)
        let readable = ends.count { $0 <= bytes.count }
        token += 1
        let wantsAnswer = acknowledgement.rawValue >= Acknowledgement.committed.rawValue
        let header = WriteBatchHeader(
            topic: track.id, acknowledgement: acknowledgement, isAtomic: isAtomic,
            count: UInt32(size))
        let outcome = try bytes.withUnsafeBytes {
            try leader.merge(
                $0, header: header, source: SourceID(source),
                time: Timestamp(microseconds: now), token: wantsAnswer ? token : nil)
        }
        let merged = try topics[at].naive.merge(
            batch, readable: readable, source: source, isAtomic: isAtomic, layout: track.layout)
        check(outcome, merged)
        if wantsAnswer {
            topics[at].naive.open.tickets.append(
                NaiveTicket(
                    token: token, wantsEach: acknowledgement == .committedEach, merged: merged))
        }
        writes += size
        if isAtomic { count(outcome.invalid == 0 ? "atomic" : "atomic refused") }
    }

    private func check(_ outcome: MergeOutcome, _ merged: [NaiveMerged]) {
        var accepted = 0
        var unchanged = 0
        var invalid = 0
        var first: Set<ErrorCode>?
        for one in merged {
            switch one {
            case .invalid(let codes):
                invalid += 1
                first = first ?? codes
            case .changed: accepted += 1
            case .unchanged, .nothingThere: unchanged += 1
            }
        }
        #expect(Int(outcome.accepted) == accepted, "seed \(seed), write \(writes)")
        #expect(Int(outcome.unchanged) == unchanged, "seed \(seed), write \(writes)")
        #expect(Int(outcome.invalid) == invalid, "seed \(seed), write \(writes)")
        if let code = outcome.firstCode {
            #expect(first?.contains(code) == true, "seed \(seed), write \(writes)")
        } else {
            #expect(first == nil, "seed \(seed), write \(writes)")
        }
    }

    // MARK: Windows

    private func sealOne() throws {
        let at = random.below(topics.count)
        guard let sealed = leader.seal(topics[at].id, now) else { return }
        let window = try topics[at].naive.seal(time: now)
        if let entry = sealed.entry {
            let read = try WindowEntry(entry, keyKind: topics[at].naive.definition.keyKind)
            #expect(read.time == window.time, "seed \(seed)")
            check(read, window)
            let last = topics[at].naive.inFlight.count - 1
            topics[at].naive.inFlight[last].order = read.changes.map(\.key)
            append(entry)
            #expect(sealed.completions.isEmpty, "seed \(seed)")
        } else {
            count("window without net change")
            #expect(window.net.isEmpty, "seed \(seed)")
            check(sealed.completions, topics[at].naive.finishEmpty())
        }
    }

    private func check(_ entry: WindowEntry, _ window: NaiveWindow) {
        #expect(entry.changes.count == window.net.count, "seed \(seed)")
        for change in entry.changes {
            guard let net = window.net[change.key] else {
                Issue.record("seed \(seed): an entry changes \(change.key) for nothing")
                continue
            }
            var expected = EntryChange(kind: net.kind.rawValue, key: change.key)
            if net.kind == .upsert { expected.row = net.after.row }
            if net.kind == .delete { expected.reason = DeletionReason.retracted.rawValue }
            expected.sources = net.after.sources.sorted()
            expected.metadata = net.metadata
            #expect(change == expected, "seed \(seed), write \(writes)")
        }
    }

    private func applyNext() throws {
        let entry = log[applied]
        for topic in topics { listenAtTail(topic.id) }
        let outcome = try leader.apply(entry)
        let copied = try follower.apply(entry)
        #expect(copied.completions.isEmpty)
        #expect(copied.before == outcome.before && copied.after == outcome.after)
        guard let at = topics.firstIndex(where: { $0.id == outcome.topic }) else { return }
        if let definition = alterations.removeValue(forKey: applied) {
            topics[at].naive.definition = definition
            topics[at].layout = try definition.schema.map { try RowLayout($0) }
        } else {
            let before = topics[at].naive.records
            let window = topics[at].naive.inFlight[0]
            check(outcome.completions, topics[at].naive.apply())
            checkTail(topics[at], window, before: before)
        }
        applied += 1
        try compare(leader, topics[at], "the leader")
        try compare(follower, topics[at], "the follower")
        try readOn(at)
    }

    private func check(_ completions: [Completion], _ expected: [NaiveCompletion]) {
        #expect(completions.map(\.token) == expected.map(\.token), "seed \(seed)")
        for (completion, expected) in zip(completions, expected) {
            #expect(completion.lastOffset.rawValue == expected.lastOffset, "seed \(seed)")
            #expect(Int(completion.counts.accepted) == expected.accepted, "seed \(seed)")
            #expect(Int(completion.counts.unchanged) == expected.unchanged, "seed \(seed)")
            #expect(Int(completion.counts.invalid) == expected.invalid, "seed \(seed)")
            #expect(completion.results.count == expected.results.count, "seed \(seed)")
            for (result, expected) in zip(completion.results, expected.results) {
                guard let expected else {
                    #expect(result.verdict == .invalid && result.code != nil, "seed \(seed)")
                    continue
                }
                #expect(result.verdict == expected.verdict, "seed \(seed), write \(writes)")
                if expected.isLenient, result.offset == .start { continue }
                #expect(
                    result.offset.rawValue == expected.offset
                        && result.version.rawValue == expected.version,
                    "seed \(seed), write \(writes)")
            }
        }
    }

    // MARK: Restarts

    private func advanceSnapshot() throws {
        guard var (snapshot, part) = walking else {
            walking = (leader.beginSnapshot(), TakenSnapshot(blocks: [], position: applied))
            return
        }
        if let block = leader.nextBlock(&snapshot, limit: random.pick([80, 80, 400, 4_000])) {
            part.blocks.append(block)
            walking = (snapshot, part)
        } else {
            walking = nil
            taken = part
            count("snapshot")
            if random.once(in: 2) {
                follower = try rebuilt(from: part)
                for topic in topics { try compare(follower, topic, "a restored follower") }
            }
        }
    }

    private func rebuilt(from snapshot: TakenSnapshot?) throws -> Partition {
        let partition = Partition(seed: seed &* 17 &+ UInt64(writes))
        for block in snapshot?.blocks ?? [] { try partition.load(block) }
        for position in (snapshot?.position ?? 0)..<applied {
            _ = try partition.apply(log[position])
        }
        return partition
    }

    /// The leader stops: what was not appended is lost, of what was appended a part survives.
    private func restart() throws {
        count("restart")
        walking = nil
        let survivors = applied + random.below(log.count - applied + 1)
        log.removeLast(log.count - survivors)
        for at in topics.indices {
            try restartNaive(at)
        }
        alterations = [:]
        if random.once(in: 2) { now -= Int64(random.below(5_000_000)) }
        let position = applied
        for entry in log[position...] { _ = try follower.apply(entry) }
        applied = log.count
        leader = try rebuilt(from: random.once(in: 3) ? nil : taken)
        try compareAll()
    }

    /// The naive topic goes on from the entries that survived.
    private func restartNaive(_ at: Int) throws {
        topics[at].naive.forgetUnsealed()
        for position in applied..<log.count where isEntry(log[position], of: topics[at].id) {
            if let definition = alterations[position] {
                topics[at].naive.definition = definition
                topics[at].layout = try definition.schema.map { try RowLayout($0) }
            } else {
                _ = topics[at].naive.apply()
            }
        }
        topics[at].naive.forgetInFlight()
    }

    private func isEntry(_ entry: [UInt8], of topic: TopicID) -> Bool {
        entry[4..<8].elementsEqual(
            withUnsafeBytes(of: topic.rawValue.littleEndian) { Array($0) })
    }

    // MARK: Comparing

    private func compareAll() throws {
        for at in topics.indices {
            try compare(leader, topics[at], "the leader")
            try compare(follower, topics[at], "the follower")
            try readOn(at)
        }
    }

    private func compare(_ partition: Partition, _ track: TopicTrack, _ who: String) throws {
        let comment = Comment(rawValue: "seed \(seed), write \(writes), \(who)")
        let naive = track.naive
        let description = try partition.describe(track.id)
        #expect(description.definition == naive.definition, comment)
        #expect(description.lastOffset.rawValue == naive.last, comment)
        #expect(description.liveRecords == naive.liveRecords, comment)
        #expect(description.horizon.rawValue == naive.horizon, comment)
        for key in track.generator.keys {
            let expected = naive.records[key].map { ReadRecord(key, $0) }
            let found = try partition.read(track.id, key)
            // Membership alone gives a record no place in the order of changes.
            #expect(found == expected, comment)
        }
        var random = RandomSource(seed: UInt64(writes))
        for _ in 0..<2 {
            let after = random.once(in: 3) ? 0 : random.next() % (naive.last + 2)
            if after != 0, after < naive.horizon {
                let error = #expect(throws: ThalwegError.self, comment) {
                    _ = try partition.readChanges(track.id, after: after)
                }
                #expect(error?.code == .tooOld, comment)
                continue
            }
            let expected = naive.changes(after: after).map { ReadRecord($0.key, $0.record) }
            #expect(try partition.readChanges(track.id, after: after) == expected, comment)
        }
    }

    /// The reader catches up now and then; its copy is the table each time.
    private func readOn(_ at: Int) throws {
        guard random.once(in: 4) else { return }
        var track = topics[at]
        if track.seen < track.naive.horizon {
            track.copy = [:]
            track.seen = 0
            count("too old")
        }
        for record in try leader.readChanges(track.id, after: track.seen) {
            track.copy[record.key] = record.row
        }
        track.seen = track.naive.last
        let table = track.naive.records.compactMapValues(\.state.row)
        #expect(track.copy == table, "seed \(seed), write \(writes)")
        topics[at] = track
    }
}
