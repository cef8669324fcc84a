// Nodes that have applied different parts of one log, and readers that go from one to another,
// also in the middle of a walk: what a reader holds when it is complete is the table of the node
// that it is at, restricted to what it asked for; and it is never told a change of a state that it
// does not hold.
import Testing
import ThalwegFilter
import ThalwegModel
import ThalwegWire

@testable import ThalwegEngine

/// A reader that keeps nothing between two nodes but what a client keeps.
struct MovingReader {
    struct Held {
        var record: FoldedRecord
        var version: UInt64
    }

    let filter: String
    let query: FeedQuery
    var node = 0
    /// Its walk at its present node; `nil` where it has to begin or resume one.
    var position: FeedPosition?
    var resume = Offset.start
    var completeAt = Offset.start
    var fold: [[UInt8]: Held] = [:]
}

final class MovingReaders {
    static let topic = TopicID(1)
    private static let keys: [[UInt8]] = (0..<40).map {
        [UInt8($0)] + [UInt8](repeating: 0, count: 7)
    }
    private static let filters = ["", "a == 1", "a < 2", "b >= 0 and a != 3", "key < 20"]

    let seed: UInt64
    private var random: RandomSource
    private let layout: RowLayout
    private let nodes: [Partition]
    private var applied: [Int]
    private var log: [[UInt8]] = []
    private var now: Int64 = 1
    private(set) var readers: [MovingReader] = []
    private(set) var counts: [String: Int] = [:]
    private var steps = 0

    init(seed: UInt64) throws {
        self.seed = seed
        random = RandomSource(seed: seed)
        let schema = try Schema([
            Field("a", .scalar(.u8)), Field("b", .scalar(.i32)), Field("c", .string(max: 20)),
        ])
        layout = try RowLayout(schema)
        nodes = (0..<3).map { Partition(seed: seed &+ $0) }
        applied = [0, 0, 0]
        log.append(
            createEntry(
                MovingReaders.topic,
                TopicDefinition(
                    name: "moving", keyKind: .u64, schema: schema,
                    options: TopicOptions(
                        tombstoneRetentionMicroseconds: random.pick([200, 5_000, 300_000_000])))))
        for node in nodes.indices { try applyNext(node) }
        for _ in 0..<6 {
            let filter = random.pick(MovingReaders.filters)
            let query = FeedQuery(
                filter: try nodes[0].filter(MovingReaders.topic, filter),
                fields: random.once(in: 3) ? 0b011 : .max, includesPrevious: true)
            readers.append(MovingReader(filter: filter, query: query))
        }
    }

    private var comment: Comment { Comment(rawValue: "seed \(seed), step \(steps)") }

    private func count(_ what: String) { counts[what, default: 0] += 1 }

    func run(steps count: Int) throws {
        while steps < count {
            steps += 1
            switch random.below(20) {
            case 0, 1: try write()
            case 2, 3:
                // Now this one is ahead, now that one.
                let node = random.below(nodes.count)
                for _ in 0..<1 + random.below(8) { try applyNext(node) }
            case 4: noteTail(random.below(nodes.count), isWanted: !random.once(in: 4))
            default: try step(random.below(readers.count))
            }
        }
        try end()
    }

    /// Every reader is complete at every node when all nodes are at the same place.
    private func end() throws {
        for node in nodes.indices { while applied[node] < log.count { try applyNext(node) } }
        for at in readers.indices {
            for node in nodes.indices {
                readers[at].node = node
                readers[at].position = nil
                var isComplete = false
                for _ in 0..<1_000 where !isComplete { isComplete = try deliver(at) }
                #expect(isComplete, comment)
            }
        }
    }

    // MARK: The nodes

    private func write() throws {
        now += Int64(random.below(100))
        var writes: [NaiveWrite] = []
        for _ in 0..<1 + random.below(random.pick([2, 12])) {
            let key = random.pick(MovingReaders.keys)
            let a = Value.unsigned(UInt64(random.below(4)))
            switch random.below(5) {
            case 0: writes.append(NaiveWrite(key: key, body: .retract))
            case 1: writes.append(NaiveWrite(key: key, body: .patch([(0, a)])))
            case 2:
                let b = Value.signed(Int64(random.below(5) - 2))
                writes.append(NaiveWrite(key: key, body: .patch([(1, b)])))
            default:
                let values = [
                    a, .signed(Int64(random.below(5) - 2)),
                    .string(String(repeating: "x", count: random.below(20))),
                ]
                writes.append(NaiveWrite(key: key, body: .assert(try layout.encode(values))))
            }
        }
        try nodes[0].merge(MovingReaders.topic, writes, layout: layout, time: now)
        if let entry = nodes[0].seal(MovingReaders.topic, now)?.entry { log.append(entry) }
    }

    private func applyNext(_ node: Int) throws {
        guard applied[node] < log.count else { return }
        _ = try nodes[node].apply(log[applied[node]])
        applied[node] += 1
        // A reader that stays at the tail hears of each entry.
        for at in readers.indices where readers[at].node == node && readers[at].position != nil {
            if random.once(in: 2) { try deliver(at, limitBytes: 1 << 20) }
        }
    }

    private func noteTail(_ node: Int, isWanted: Bool) {
        nodes[node].noteTail(MovingReaders.topic, isWanted: isWanted, previous: true)
    }

    private func tail(_ node: Int) throws -> Offset {
        try nodes[node].describe(MovingReaders.topic).lastOffset
    }

    // MARK: The readers

    private func step(_ at: Int) throws {
        let isOnTheWay = readers[at].resume < readers[at].completeAt
        if random.once(in: isOnTheWay ? 3 : 12) {
            let node = random.below(nodes.count)
            // One that has not what the reader has seen keeps it waiting.
            let last = try tail(node)
            guard last >= readers[at].resume else { return }
            if isOnTheWay, last < readers[at].completeAt {
                count("cut off, and on at a node behind")
            }
            readers[at].node = node
            readers[at].position = nil
        }
        try deliver(at)
    }

    /// Takes one delivery; gives whether the reader is told that it is complete.
    @discardableResult
    private func deliver(_ at: Int, limitBytes: Int? = nil) throws -> Bool {
        let node = nodes[readers[at].node]
        var position =
            try readers[at].position
            ?? (readers[at].resume == .start
                ? .start(tail: tail(readers[at].node), notBefore: readers[at].completeAt)
                : .after(readers[at].resume, notBefore: readers[at].completeAt))
        var writer = ChangesWriter(capacity: 64)
        writer.begin(MovingReaders.topic)
        let progress: FeedProgress
        do throws(ThalwegError) {
            progress = try node.encodeChanges(
                MovingReaders.topic, at: &position, query: readers[at].query,
                limitBytes: limitBytes ?? random.pick([1, 1, 60, 200, 2_000]), into: &writer)
        } catch {
            #expect(error.code == .tooOld, comment)
            count("too old")
            readers[at] = MovingReader(
                filter: readers[at].filter, query: readers[at].query, node: readers[at].node)
            return false
        }
        let payload = writer.finish(
            progress.isComplete ? .caughtUp : [], resume: progress.reached,
            completeAt: progress.completeAt
        ).payload
        let (_, changes) = try FoldedChange.all(payload, .u64)
        for change in changes { fold(change, at) }
        readers[at].position = position
        readers[at].resume = progress.reached
        readers[at].completeAt = progress.completeAt
        if progress.isComplete { try compare(at, node) }
        count(progress.isComplete ? "complete" : progress.isAtTail ? "at a tail" : "on the way")
        return progress.isComplete
    }

    private func fold(_ change: FoldedChange, _ at: Int) {
        let held = readers[at].fold[change.key]
        if let held { #expect(change.version > held.version, comment) }
        guard change.kind.hasRow else {
            readers[at].fold[change.key] = nil
            return
        }
        let record = FoldedRecord(change.row, layout, fields: .max)
        if change.kind == .updated, let previous = change.previous {
            // It is told what became different of what it holds.
            #expect(held?.record == FoldedRecord(previous, layout, fields: .max), comment)
            for (number, value) in record.values.enumerated()
            where change.changedFields & (1 << UInt64(number)) == 0 {
                #expect(held?.record.values[number] == value, comment)
            }
            count("exact")
        }
        readers[at].fold[change.key] = MovingReader.Held(record: record, version: change.version)
    }

    private func compare(_ at: Int, _ node: Partition) throws {
        let query = readers[at].query
        var expected: [[UInt8]: FoldedRecord] = [:]
        for key in MovingReaders.keys {
            guard let row = try node.read(MovingReaders.topic, key)?.row, matches(key, row, query)
            else { continue }
            expected[key] = FoldedRecord(row, layout, fields: query.fields)
        }
        #expect(readers[at].fold.mapValues(\.record) == expected, comment)
    }

    private func matches(_ key: [UInt8], _ row: [UInt8], _ query: FeedQuery) -> Bool {
        guard let filter = query.filter else { return true }
        return key.withUnsafeBytes { key in
            row.withUnsafeBytes { row in
                filter.matches(
                    row: row, key: key, sources: UnsafeBufferPointer(start: nil, count: 0))
            }
        }
    }
}
