import Testing
import ThalwegClient
import ThalwegModel

/// A reader that reads when it is told to, and folds what comes. While it is not told to, it takes a few
/// kilobytes from its socket and no more.
final class StalledReader {
    private let client: ThalwegClient
    private let topic: Topic
    private var subscription: Subscription
    private let filter: String
    private let pace: Int
    private let policy: SlowReaderPolicy
    private let tellsEvery: Bool

    /// The number of each key's last write.
    private(set) var fold: [UInt64: UInt64] = [:]
    private(set) var last = Offset.start
    private(set) var events = 0
    /// How often each key came behind an offset.
    private var comings: [UInt64: Int] = [:]
    private var mark = Offset.start

    init(
        _ server: ServerProcess, _ name: String, filter: String = "", pace: Int = 1,
        policy: SlowReaderPolicy = .conflate, deliver: DeliveryMode = .latest
    ) async throws {
        (self.filter, self.pace, self.policy) = (filter, pace, policy)
        tellsEvery = deliver == .every
        client = try await StalledServer.connect(server, .readOnly)
        topic = try await client.topic(name)
        subscription = try await client.subscribe(
            topic, from: .start, deliver: deliver, filter: filter, pace: pace, policy: policy)
    }

    private func wants(_ key: UInt64) -> Bool { filter.isEmpty || key < 500 }

    func readOne() async throws {
        let delivery = try #require(try await subscription.next())
        try take(delivery)
    }

    func readToTail() async throws {
        while true {
            let delivery = try #require(try await subscription.next())
            try take(delivery)
            if delivery.isCaughtUp { return }
        }
    }

    func read(beyond offset: Offset) async throws {
        while last <= offset { try await readOne() }
    }

    func leave() async throws {
        try await client.close()
    }

    private func take(_ delivery: Delivery) throws {
        #expect(!delivery.isReset)
        var seen: Set<UInt64> = []
        var newest = last
        for change in try delivery.changes() {
            guard case .u64(let key) = change.key, let row = change.row else { continue }
            #expect(change.offset > newest && wants(key))
            #expect(tellsEvery || seen.insert(key).inserted)
            if tellsEvery { #expect(change.offset.rawValue == newest.rawValue + 1) }
            newest = change.offset
            fold[key] = StalledServer.counter(row)
            events += 1
            if change.offset > mark { comings[key, default: 0] += 1 }
        }
        #expect(delivery.resumeOffset >= newest)
        last = delivery.resumeOffset
    }

    /// Reads on until it holds the table: what changed behind `mark` while it stood still comes once.
    func goOn(to table: StalledTable, behind mark: Offset) async throws {
        (self.mark, comings) = (mark, [:])
        let wanted = table.offsets.filter { wants($0.key) }
        let end = wanted.values.max() ?? .start
        var endings = 0
        while last < end {
            do {
                try await readOne()
            } catch let error as ThalwegError where error.code == .slowReader {
                // It was told where it may go on.
                endings += 1
                subscription = try await client.subscribe(
                    topic, from: .after(last), filter: filter, pace: pace)
            }
        }
        let comment: Comment = "'\(filter)', pace \(pace), \(policy)"
        #expect(endings == (policy == .disconnect ? 1 : 0), comment)
        let changed = wanted.filter { $0.value > mark }
        #expect(changed.count == wanted.count, "all were written again")
        let numbers = Set(comings.values)
        #expect(comings.count == changed.count && numbers == [1], comment)
        let isRight = fold == table.counters.filter { wants($0.key) }
        #expect(isRight, comment)
        try await client.close()
    }
}
