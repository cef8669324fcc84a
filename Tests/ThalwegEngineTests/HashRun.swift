import Testing
import ThalwegModel
import ThalwegWire

@testable import ThalwegEngine

/// A random life of one topic on a leader and a follower, with a log of what was committed: what a
/// hash came to at a mark is that of a fresh partition which applied the log up to there.
struct HashRun {
    private static let id = TopicID(1)

    private let seed: UInt64
    private var random: RandomSource
    private let leader: Partition
    private var follower: Partition
    private let isStream: Bool
    private var definition: TopicDefinition
    private let keys: [[UInt8]]
    private var log: [[UInt8]] = []
    /// Cut by the leader and not applied.
    private var inFlight: [[UInt8]] = []
    private var snapshot: PartitionSnapshot?
    private var copy: Partition?
    private var copiedLog = 0
    private var now: Int64 = 1
    private var lastMark: UInt64 = 0
    /// How long the log was at each mark, and at the question asked last.
    private var marks: [UInt64: Int] = [:]
    private var asked: (log: Int, offset: Offset)?
    /// The numbers of sessions' next batches.
    private var sessions: [UInt64: UInt64] = [:]

    private(set) var looks = 0
    private(set) var overtaken = 0

    init(seed: UInt64) throws {
        self.seed = seed
        var random = RandomSource(seed: seed &* 977 &+ 5)
        isStream = random.once(in: 2)
        var options = TopicOptions(
            tombstoneRetentionMicroseconds: random.pick([0, 20_000, 1_000_000]))
        if isStream { options.writes = .every }
        if random.once(in: 3) { options.history = random.pick([.forever, .count(50)]) }
        definition = TopicDefinition(name: "values", keyKind: .u64, schema: nil, options: options)
        let count = 20 + random.below(300)
        keys = try (0..<count).map { try Key.u64(UInt64($0)).encoded() }
        var limits = Limits()
        limits.historyChunkBytes = 700
        leader = Partition(seed: seed, limits: limits)
        follower = Partition(seed: seed + 1_000, limits: limits)
        leader.hashUnits = 1 + random.below(12)
        follower.hashUnits = 1 + random.below(40)
        self.random = random
        try commit(createEntry(Self.id, definition))
    }

    mutating func step() throws {
        now += Int64(random.below(2_000))
        switch random.below(14) {
        case 0...4: try write()
        case 5: try cut()
        case 6, 7: try applyOldest()
        case 8: try mark()
        case 9, 10, 11: for _ in 0..<1 + random.below(8) { try slice() }
        case 12: try writeSnapshot()
        default: try rare()
        }
    }

    /// Everything under way comes to its end.
    mutating func finish() throws {
        while !inFlight.isEmpty { try applyOldest() }
        while leader.isHashing(Self.id) || follower.isHashing(Self.id) { try slice() }
        try compare(leader.hash(Self.id), with: log.count, "at the end")
        #expect(try leader.hash(Self.id) == follower.hash(Self.id), "seed \(seed)")
    }

    // MARK: Steps

    private mutating func write() throws {
        let writes = (0..<1 + random.below(25)).map { _ in
            NaiveWrite(
                key: random.pick(keys),
                body: random.once(in: 4)
                    ? .retract
                    : .assert([UInt8](repeating: UInt8(random.below(4)), count: random.below(60))))
        }
        let source = UInt16(1 + random.below(random.once(in: 3) ? 90 : 3))
        guard isStream, random.once(in: 2) else {
            try leader.merge(Self.id, writes, source: source, time: now)
            return
        }
        let session = UInt64(1 + random.below(40))
        let number = sessions[session, default: 1]
        sessions[session] = number + UInt64(writes.count)
        let bytes = try writes.flatMap { try $0.packed(nil) }
        let header = WriteBatchHeader(
            topic: Self.id, acknowledgement: .committed, count: UInt32(writes.count),
            numbering: WriteNumbering(number: number, answered: 0))
        _ = try bytes.withUnsafeBytes {
            try leader.merge(
                $0, header: header, source: SourceID(source),
                session: UniqueID(high: session, low: 3), time: Timestamp(microseconds: now),
                token: 1)
        }
    }

    private mutating func cut() throws {
        if let entry = leader.seal(Self.id, now)?.entry { inFlight.append(entry) }
    }

    private mutating func applyOldest() throws {
        guard !inFlight.isEmpty else { return try cut() }
        try commit(inFlight.removeFirst())
    }

    private mutating func commit(_ entry: [UInt8]) throws {
        log.append(entry)
        if leader.isHashing(Self.id) { overtaken += 1 }
        let applied = try leader.apply(entry)
        #expect(applied.divergence == nil, "seed \(seed): the leader is accused")
        #expect(try follower.apply(entry).divergence == nil, "seed \(seed)")
        // A small topic is looked at when its mark is applied.
        if let mark = applied.mark, let look = leader.look(Self.id), look.number == mark.number {
            try say(look)
        }
    }

    private mutating func say(_ look: StateLook) throws {
        looks += 1
        try compare(look.hash, with: #require(marks[look.number]), "at mark \(look.number)")
        // It is behind what is on its way, and the follower may be through or not.
        inFlight.append(look.check.entry(Self.id, time: Timestamp(microseconds: now)))
    }

    private mutating func mark() throws {
        // It is behind what was cut, as in a log.
        lastMark += 1
        marks[lastMark] = log.count + inFlight.count
        let mark = LogMark(lastMark, wantsHash: true)
        inFlight.append(mark.entry(Self.id, time: Timestamp(microseconds: now)))
    }

    private mutating func slice() throws {
        if asked == nil, random.once(in: 6) {
            #expect(try leader.beginHash(Self.id))
            asked = (log.count, try leader.describe(Self.id).lastOffset)
        }
        let slice = leader.hashSlice(Self.id)
        if let look = slice.look { try say(look) }
        if let answer = slice.answer, let asked {
            #expect(answer.offset == asked.offset)
            try compare(answer, with: asked.log, "for a question")
            self.asked = nil
        }
        #expect(slice.divergence == nil, "seed \(seed): the leader is accused")
        if random.once(in: 2) {
            let slice = follower.hashSlice(Self.id)
            #expect(slice.divergence == nil, "seed \(seed): the follower is accused")
            if let look = slice.look {
                try compare(look.hash, with: #require(marks[look.number]), "on the follower")
            }
        }
    }

    private mutating func writeSnapshot() throws {
        guard var walk = snapshot else {
            snapshot = leader.beginSnapshot()
            copy = leader.emptyTwin()
            copiedLog = log.count
            return
        }
        for _ in 0..<1 + random.below(4) {
            guard let block = leader.nextBlock(&walk, limit: 200 + random.below(2_000)) else {
                return try adopt()
            }
            try copy?.load(block)
        }
        snapshot = walk
    }

    /// The follower was away, and goes on with the leader's snapshot.
    private mutating func adopt() throws {
        snapshot = nil
        guard let copy else { return }
        try compare(copy.hash(Self.id), with: copiedLog, "of a snapshot")
        for entry in log[copiedLog...] { _ = try copy.apply(entry) }
        follower.replace(with: copy)
        self.copy = nil
    }

    private mutating func rare() throws {
        switch random.below(5) {
        case 0, 1:
            let time = Timestamp(microseconds: now)
            if let entry = try leader.truncate(Self.id, time: time, token: 9) {
                inFlight.append(entry)
            }
        case 2:
            definition.options.tombstoneRetentionMicroseconds = random.pick([0, 5_000, 1_000_000])
            inFlight.append(alterEntry(Self.id, definition))
        case 3:
            // Another leads for a moment: what was not committed is gone.
            _ = leader.stepDown()
            inFlight = []
            sessions = [:]
            for session in 1...40 as ClosedRange<UInt64> {
                sessions[session] = try leader.nextNumber(
                    Self.id, of: UniqueID(high: session, low: 3))
            }
        default:
            leader.abandonSnapshot()
            snapshot = nil
            copy = nil
        }
    }

    // MARK: What must be so

    private func compare(_ hash: TopicHash, with count: Int, _ what: String) throws {
        var limits = Limits()
        limits.historyChunkBytes = 700
        let fresh = Partition(seed: seed &* 31 &+ 7, limits: limits)
        fresh.hashesAtMarks = false
        for entry in log.prefix(count) { _ = try fresh.apply(entry) }
        #expect(try fresh.hash(Self.id) == hash, "seed \(seed), \(what)")
    }
}
