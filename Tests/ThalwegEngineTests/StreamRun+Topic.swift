import Testing
import ThalwegModel
import ThalwegWire

@testable import ThalwegEngine

// What happens to the topic as a whole, and the comparison.
extension StreamRun {
    /// What is queued has a layout at the moment it is applied: entries are cut before it changes.
    mutating func migrate() throws {
        try commit()
        guard var definition = Optional(naive.topic.definition), let schema = definition.schema
        else { return }
        let count = schema.fields.count
        definition.schema = try Schema(
            schema.fields + random.fields(count..<count + 1 + random.below(2)))
        naive.topic.definition = definition
        layout = try definition.schema.map { try RowLayout($0) }
        sent = []
        for partition in [leader, follower] { _ = try partition.apply(alterEntry(id, definition)) }
    }

    mutating func truncate() throws {
        try commit()
        token += 1
        let entry = try #require(try leader.truncate(id, time: time, token: token))
        // Writes may be queued before it is durable; they come behind it.
        naive.truncate()
        let applied = try leader.apply(entry)
        let followed = try follower.apply(entry)
        #expect(applied.completions.map(\.token) == [token], comment)
        #expect(followed.completions.isEmpty && followed.after == applied.after)
        #expect(try leader.describe(id).liveRecords == 0, comment)
        count("truncation")
    }

    /// The follower is replaced by one that knows the leader's snapshot only.
    mutating func snapshot() throws {
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
        #expect(try leader.hash(id) == follower.hash(id), comment)
        var newest: [[UInt8]: NaiveChange] = [:]
        #expect(try leader.describe(id).lastOffset.rawValue == naive.topic.last, comment)
        for change in naive.history { newest[change.key] = change }
        for (partition, name) in [(leader, "leader"), (follower, "follower")] {
            #expect(
                try partition.readHistory(id, after: offset)
                    == Array(naive.history.dropFirst(Int(offset))), "\(name), seed \(seed)")
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
