import Testing
import ThalwegFilter
import ThalwegModel
import ThalwegWire

@testable import ThalwegEngine

/// Each reason for which a record is deleted, as each kind of reader is told: at the tail, behind it,
/// in the middle of a bootstrap, change by change; on the node that leads, one that follows, one that
/// comes back from its log and one from a snapshot.
@Suite struct DeletionReasonTests {
    enum Kind: CaseIterable {
        case windows, windowsWithHistory, stream, streamWithHistory

        var isStream: Bool { self == .stream || self == .streamWithHistory }
        var hasHistory: Bool { self == .windowsWithHistory || self == .streamWithHistory }

        var options: TopicOptions {
            TopicOptions(
                writes: isStream ? .every : .coalesced(windowMicroseconds: 20_000),
                history: hasHistory ? .forever : .none)
        }
    }

    @Test(arguments: DeletionReason.allCases, Kind.allCases)
    func everyReaderIsToldTheReason(reason: DeletionReason, kind: Kind) throws {
        let stage = try DeletionStage(kind.options, isMortal: reason == .expired)
        try stage.fill()
        let before = try stage.leader.describe(DeletionStage.id).lastOffset
        try stage.delete(reason)
        let nodes = try [
            ("leader", stage.leader), ("follower", stage.follower), ("replayed", stage.replayed()),
            ("restored", stage.restored()),
        ]
        for (name, node) in nodes {
            for text in ["", "v == 1"] {
                for previous in [false, true] {
                    var query = FeedQuery(
                        filter: try node.filter(DeletionStage.id, text), includesPrevious: previous)
                    let comment: Comment = "\(reason), \(kind), \(name), '\(text)', \(previous)"
                    let readers = Readers(
                        node: node, before: before, reason: reason, comment: comment)
                    if reason == .dropped, !kind.hasHistory {
                        // The whole table went at once: whoever holds something starts over.
                        try readers.startOver(query)
                        continue
                    }
                    // Whoever has only come back from its log or a snapshot has noted nothing.
                    let isNoted = name == "leader" || name == "follower"
                    if isNoted { try readers.followLive(query) }
                    try readers.resume(query)
                    try readers.bootstrap(query)
                    guard kind.hasHistory else { continue }
                    query.tellsEvery = true
                    try readers.followEvery(query)
                }
            }
        }
    }

    /// What one query is told on one node.
    private struct Readers {
        let node: Partition
        let before: Offset
        let reason: DeletionReason
        let comment: Comment

        private func told(
            _ query: FeedQuery, from position: FeedPosition
        ) throws -> [UInt8: DeletionStage.Told] {
            var told: [UInt8: DeletionStage.Told] = [:]
            for change in try DeletionStage.read(node, query, from: position) {
                #expect(told[change.key] == nil, comment)
                told[change.key] = change
                #expect((change.kind == .deleted) == (change.reason != nil), comment)
            }
            return told
        }

        /// Holds exactly what was before.
        func followLive(_ query: FeedQuery) throws {
            let told = try told(query, from: .tail(before))
            #expect(told[1]?.kind == .deleted && told[1]?.reason == reason, comment)
            #expect(told[1]?.previous == (query.includesPrevious ? [1] : nil), comment)
            if query.filter == nil {
                #expect(told[2]?.reason == reason, comment)
            } else {
                #expect(told[2] == nil, comment)
            }
            #expect(told[3]?.reason == (reason == .dropped ? .dropped : nil), comment)
        }

        /// Comes back with what it had.
        func resume(_ query: FeedQuery) throws {
            let told = try told(query, from: .after(before))
            for key in UInt8(1)...2 {
                #expect(told[key]?.kind == .deleted && told[key]?.reason == reason, comment)
            }
            #expect((told[3]?.kind == .deleted) == (reason == .dropped), comment)
        }

        /// Has begun before, and has read nothing yet, or begins now.
        func bootstrap(_ query: FeedQuery) throws {
            let begun = try told(query, from: .start(tail: before))
            for key in UInt8(1)...2 { #expect(begun[key]?.reason == reason, comment) }
            let now = try told(
                query, from: .start(tail: try node.describe(DeletionStage.id).lastOffset))
            #expect(now.keys.sorted() == (reason == .dropped ? [] : [3]), comment)
        }

        func followEvery(_ query: FeedQuery) throws {
            let told = try told(query, from: .tail(before))
            #expect(told[1]?.kind == .deleted && told[1]?.reason == reason, comment)
            #expect(told[1]?.previous == (query.includesPrevious ? [1] : nil), comment)
            #expect(told[2]?.reason == (query.filter == nil ? reason : nil), comment)
        }

        func startOver(_ query: FeedQuery) throws {
            for position in [
                FeedPosition.tail(before), .after(before), .start(tail: before),
            ] {
                let error = #expect(throws: ThalwegError.self, comment) {
                    try told(query, from: position)
                }
                #expect(error?.code == .tooOld, comment)
            }
        }
    }
}

/// A topic of one number `v`: records 1 and 2, of source 1, say what their keys are, and record 3,
/// of both sources, says 1. The first two are deleted.
private final class DeletionStage {
    struct Told {
        let kind: ChangeKind
        let reason: DeletionReason?
        let key: UInt8
        let previous: [UInt8]?
    }

    static let id = TopicID(1)
    private static let second: Int64 = 1_000_000

    let leader = Partition(seed: 1)
    let follower = Partition(seed: 2)
    private let layout: RowLayout
    private var log: [[UInt8]] = []
    private var now = second

    init(_ options: TopicOptions, isMortal: Bool) throws {
        var options = options
        if isMortal { options.timeToLiveMicroseconds = UInt64(10 * Self.second) }
        let schema = try Schema([Field("v", .scalar(.u8))])
        layout = try RowLayout(schema)
        try apply(
            createEntry(
                Self.id,
                TopicDefinition(name: "values", keyKind: .u64, schema: schema, options: options)))
        for node in [leader, follower] { node.noteTail(Self.id, isWanted: true, previous: true) }
    }

    private func apply(_ entry: [UInt8]) throws {
        log.append(entry)
        for node in [leader, follower] { _ = try node.apply(entry) }
    }

    /// Everything that was merged is applied.
    private func commit() throws {
        while let entry = leader.seal(Self.id, now)?.entry { try apply(entry) }
    }

    private static func key(_ number: UInt8) -> [UInt8] {
        [number] + [UInt8](repeating: 0, count: 7)
    }

    private func put(_ number: UInt8, _ value: UInt8, source: UInt16 = 1) throws {
        let row = try layout.encode([.unsigned(UInt64(value))])
        try leader.merge(
            Self.id, [NaiveWrite(key: Self.key(number), body: .assert(row))], source: source,
            time: now)
    }

    func fill() throws {
        try put(1, 1)
        try put(2, 2)
        try put(3, 1)
        try put(3, 1, source: 2)
        try commit()
        now += 8 * Self.second
        // It lives longer than the others.
        try put(3, 1, source: 2)
        try commit()
    }

    // MARK: Deleting

    func delete(_ reason: DeletionReason) throws {
        let source = SourceID(1)
        let time = Timestamp(microseconds: now)
        switch reason {
        case .retracted:
            try leader.merge(
                Self.id,
                (1...3).map { NaiveWrite(key: Self.key($0), body: .retract) }, time: now)
        case .expired:
            now += 4 * Self.second
            for part in 0..<256 {
                leader.expire(Self.id, part: part, time: Timestamp(microseconds: now))
            }
        case .sourceLost:
            var walk = try #require(leader.beginRetraction(Self.id, of: [source]))
            while leader.retract(&walk, limit: 100, time: time) == .goesOn {}
        case .epoch:
            try leader.beginEpoch(Self.id, source: source, number: 1)
            _ = try leader.endEpoch(Self.id, source: source, number: 1)
            while leader.searchEpoch(Self.id, source: source, number: 1, limit: 100) != .isDone {}
            if leader.keepsEveryWrite(Self.id) {
                let entry = try leader.cutDifference(
                    Self.id, source: source, number: 1, time: time, token: 1)
                try apply(try #require(entry))
            } else {
                _ = try leader.retractDifference(Self.id, source: source, number: 1, time: time)
            }
        case .dropped:
            try apply(try #require(try leader.truncate(Self.id, time: time, token: 1)))
        }
        try commit()
    }

    // MARK: Nodes that come back

    func replayed() throws -> Partition {
        let node = Partition(seed: 3)
        for entry in log { _ = try node.apply(entry) }
        return node
    }

    func restored() throws -> Partition {
        let node = Partition(seed: 4)
        var snapshot = leader.beginSnapshot()
        while let block = leader.nextBlock(&snapshot, limit: 1_000) { try node.load(block) }
        return node
    }

    // MARK: Reading

    /// All that a reader is told from a position on.
    static func read(
        _ node: Partition, _ query: FeedQuery, from position: FeedPosition
    ) throws -> [Told] {
        var position = position
        var told: [Told] = []
        var isAtTail = false
        while !isAtTail {
            var writer = ChangesWriter()
            writer.begin(id)
            let progress = try node.encodeChanges(
                id, at: &position, query: query, limitBytes: 1 << 20, into: &writer)
            isAtTail = progress.isAtTail
            let payload = writer.finish(
                [], resume: progress.reached, completeAt: progress.completeAt
            ).payload
            var cursor = try ChangeCursor(payload, kind: .u64)
            while let lent = try cursor.next() {
                told.append(
                    Told(
                        kind: lent.kind, reason: lent.reason, key: lent.key[0],
                        // Behind the two bytes that say how long the fixed zone is.
                        previous: lent.previous.map { Array($0.dropFirst(2)) }))
            }
        }
        return told
    }
}
