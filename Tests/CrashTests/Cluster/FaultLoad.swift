import Synchronization
import Testing
import ThalwegClient
import ThalwegModel

/// Clients that write, read and listen while the nodes of a cluster go through something.
///
/// - Sessions write events to a stream, each when the one before is answered. They never see an error,
///   whatever happens to the nodes. In the end each event is in the stream once, where its answer
///   said, on every node, and those of a session are in their order.
/// - Others write states to records through windows, without numbers. A fail-over may leave them
///   without a word about a write; they write it again.
/// - Readers of the newest state never get one that is older than an answer that was there before
///   they asked.
/// - A subscriber hears every event once, in order, without a gap.
final class FaultLoad: Sendable {
    struct Options: Sendable {
        /// Bytes of an event's row, at least.
        var rowBytes = 16
        /// Writers of states may be left without a word.
        var losesWords = true
        /// An error of a writer of events ends everything; where a majority may be without room it
        /// writes again.
        var writesAgainAfter: Set<ErrorCode> = []
    }

    private struct Told: Sendable {
        var text: String
        var offset: Offset
    }

    private struct State: Sendable {
        var told: [[Told]]
        /// What was sent and answered last, by writer of states.
        var sent: [UInt64]
        var answered: [UInt64]
        /// What was sent and answered last, by writer of events.
        var sentEvents: [Int]
        var newestReads = 0
        var unanswered = 0
        var heard: [Change] = []
        var failures: [any Error] = []
        var isDone = false
    }

    private static let eventWriters = 3
    private static let stateWriters = 2
    private static let readers = 2
    /// What may come of a request while leaders come and go.
    private static let passing: Set<ErrorCode> = [
        .notCommitted, .connectionLost, .timedOut, .notLeader, .notYet, .shuttingDown,
        .sourceClaimed,
    ]

    private static let events = TopicDefinition(
        name: "events", keyKind: .string, schema: nil,
        options: TopicOptions(writes: .every, history: .forever))
    private static let states = TopicDefinition(
        name: "states", keyKind: .u64, schema: nil,
        options: TopicOptions(writes: .coalesced(windowMicroseconds: 2_000)))

    private let address: String
    private let options: Options
    private let state: Mutex<State>

    private init(_ address: String, _ options: Options) {
        self.address = address
        self.options = options
        state = Mutex(
            State(
                told: Array(repeating: [], count: Self.eventWriters),
                sent: Array(repeating: 0, count: Self.stateWriters),
                answered: Array(repeating: 0, count: Self.stateWriters),
                sentEvents: Array(repeating: 0, count: Self.eventWriters)))
    }

    /// Writes, reads and listens while `body` runs. Then, when every node is whole, looks at what
    /// became of it.
    static func run(
        _ cluster: NodeCluster, _ options: Options = Options(),
        _ body: (FaultLoad) async throws -> Void
    ) async throws {
        let load = FaultLoad(cluster.address, options)
        let maker = try await load.client(.any)
        _ = try await maker.topic(events)
        _ = try await maker.topic(states)
        let heard = try await load.listen(maker)
        let result: Result<Void, any Error> = await withTaskGroup { tasks in
            for writer in 0..<eventWriters {
                tasks.addTask { await load.keep { try await load.writeEvents(writer) } }
            }
            for writer in 0..<stateWriters {
                tasks.addTask { await load.keep { try await load.writeStates(writer) } }
            }
            for _ in 0..<readers {
                tasks.addTask { await load.keep { try await load.readNewest() } }
            }
            let result: Result<Void, any Error>
            do {
                try await load.progress()
                try await body(load)
                cluster.proxy?.heal()
                try await load.progress()
                result = .success(())
            } catch {
                result = .failure(error)
            }
            load.state.withLock { $0.isDone = true }
            await tasks.waitForAll()
            return result
        }
        if let failure = load.state.withLock({ $0.failures.first }) { throw failure }
        try result.get()
        try await cluster.awaitWhole()
        try await heard()
        try await maker.close()
        for number in cluster.numbers { try await load.check(cluster.addresses[number]) }
        try await load.checkEqual(cluster)
        let (written, reads, unanswered) = load.state.withLock {
            ($0.told.reduce(0) { $0 + $1.count }, $0.newestReads, $0.unanswered)
        }
        print("\(written) events, \(reads) reads of the newest, \(unanswered) requests unanswered")
        #expect(written > 0 && reads > 0)
    }

    /// Returns when each writer has had answers to writes that it sent after this was called.
    func progress() async throws {
        let before = counts()
        _ = try await eventually("every writer is answered") { [self] in
            if let failure = state.withLock({ $0.failures.first }) { throw failure }
            return zip(before, counts()).allSatisfy { $0 + 3 <= $1 } ? true : nil
        }
    }

    /// Answers so far, by writer.
    func counts() -> [Int] {
        state.withLock { $0.told.map(\.count) + $0.answered.map { Int($0) } }
    }

    private var isDone: Bool { state.withLock { $0.isDone || !$0.failures.isEmpty } }

    private func keep(_ body: () async throws -> Void) async {
        do {
            try await body()
        } catch {
            state.withLock { $0.failures.append(error) }
        }
    }

    private func client(
        _ source: ClientOptions.Source, at address: String? = nil
    ) async throws -> ThalwegClient {
        var options = ClientOptions(name: "load", source: source)
        options.reconnect = .backOff(least: .milliseconds(5), greatest: .milliseconds(100))
        let target = address ?? self.address
        return try await eventually("a client is let in") {
            do throws(ThalwegError) {
                return try await ThalwegClient.connect(to: target, options: options)
            } catch {
                guard Self.passing.contains(error.code) else { throw error }
                return nil
            }
        }
    }

    // MARK: Clients

    private func writeEvents(_ writer: Int) async throws {
        let client = try await client(.named("session-\(writer)"))
        let topic = try await client.topic(Self.events)
        while !isDone {
            let count = state.withLock { state in
                state.sentEvents[writer] += 1
                return state.sentEvents[writer]
            }
            let text = "\(writer):\(count)"
            var row = Array(text.utf8)
            row += Array(
                repeating: UInt8(ascii: " "), count: max(0, options.rowBytes - row.count))
            let offset = try await put(client, topic, "w\(writer)", row)
            state.withLock { $0.told[writer].append(Told(text: text, offset: offset)) }
        }
        try await client.close()
    }

    private func put(
        _ client: ThalwegClient, _ topic: Topic, _ key: String, _ row: [UInt8]
    ) async throws -> Offset {
        while true {
            do throws(ThalwegError) {
                return try await client.put(topic, .string(key), row: row).offset
            } catch {
                guard options.writesAgainAfter.contains(error.code) else { throw error }
            }
        }
    }

    private func writeStates(_ writer: Int) async throws {
        let client = try await client(.named("states-\(writer)"))
        let topic = try await client.topic(Self.states)
        var count: UInt64 = 0
        while !isDone {
            count += 1
            let number = count
            state.withLock { $0.sent[writer] = number }
            let row = withUnsafeBytes(of: number.littleEndian) { Array($0) }
            do throws(ThalwegError) {
                _ = try await client.put(topic, .u64(UInt64(writer)), row: row)
                state.withLock { $0.answered[writer] = number }
            } catch {
                let isPassing =
                    options.losesWords && Self.passing.contains(error.code)
                    || options.writesAgainAfter.contains(error.code)
                guard isPassing else { throw error }
                state.withLock { $0.unanswered += 1 }
            }
        }
        try await client.close()
    }

    private func readNewest() async throws {
        let client = try await client(.readOnly)
        let topic = try await client.topic(Self.states.name)
        var turn = 0
        while !isDone {
            turn += 1
            let writer = turn % Self.stateWriters
            let least = state.withLock { $0.answered[writer] }
            do throws(ThalwegError) {
                let record = try await client.get(topic, .u64(UInt64(writer)), notBefore: .newest)
                let number = record.map { Self.number($0.row) } ?? 0
                let most = state.withLock { state in
                    state.newestReads += 1
                    return state.sent[writer]
                }
                #expect(
                    number >= least && number <= most,
                    "\(number) was read as the newest; answered was \(least), sent \(most)")
            } catch {
                guard
                    Self.passing.contains(error.code)
                        || options.writesAgainAfter.contains(error.code)
                else { throw error }
                state.withLock { $0.unanswered += 1 }
            }
        }
        try await client.close()
    }

    private static func number(_ row: [UInt8]) -> UInt64 {
        row.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Hears events from now on. What it gives returns when all that were answered were heard.
    private func listen(_ client: ThalwegClient) async throws -> () async throws -> Void {
        let topic = try await client.topic(Self.events.name)
        let subscription = try await client.subscribe(topic, from: .start, deliver: .every)
        let listening = Task { [self] in
            for try await delivery in subscription {
                #expect(!delivery.isReset || state.withLock { $0.heard.isEmpty }, "it began anew")
                let changes = try delivery.changes()
                state.withLock { $0.heard += changes }
            }
        }
        return { [self] in
            _ = try await eventually("the subscriber has heard everything") {
                state.withLock { $0.heard.count >= $0.told.reduce(0) { $0 + $1.count } }
                    ? true : nil
            }
            subscription.cancel()
            try await listening.value
        }
    }

    // MARK: What became of it

    /// Compares what a node has with what writers were told.
    private func check(_ node: String) async throws {
        let (told, answered, sent, heard) = state.withLock {
            ($0.told.flatMap { $0 }, $0.answered, $0.sent, $0.heard)
        }
        let client = try await client(.readOnly, at: node)
        let topic = try await client.topic(Self.events.name)
        var log: [Change] = []
        let subscription = try await client.subscribe(topic, deliver: .every)
        for try await delivery in subscription {
            log += try delivery.changes()
            if log.count >= told.count { break }
        }
        #expect(
            try await client.describeTopic(topic.name).lastOffset.rawValue == UInt64(told.count))
        let inOrder = told.sorted { $0.offset < $1.offset }
        try #require(log.count == inOrder.count)
        for (position, (event, told)) in zip(log, inOrder).enumerated() {
            try #require(event.offset.rawValue == UInt64(position + 1))
            try #require(event.offset == told.offset)
            try #require(Self.text(event) == told.text)
        }
        for writer in 0..<Self.eventWriters {
            let own = log.map(Self.text).filter { $0.hasPrefix("\(writer):") }
            let isInOrder = own == (0..<own.count).map { "\(writer):\($0 + 1)" }
            #expect(isInOrder, "session \(writer)")
        }
        let wasHeard = heard.map(\.offset) == log.map(\.offset)
        #expect(wasHeard, "\(heard.count) were heard of \(log.count)")
        let states = try await client.topic(Self.states.name)
        for writer in 0..<Self.stateWriters {
            let record = try #require(
                try await client.get(states, .u64(UInt64(writer)), notBefore: .newest))
            let number = Self.number(record.row)
            #expect(number >= answered[writer] && number <= sent[writer])
        }
        try await client.close()
    }

    private static func text(_ change: Change) -> String {
        let bytes = (change.row ?? []).prefix { $0 != UInt8(ascii: " ") }
        return String(decoding: bytes, as: UTF8.self)
    }

    private func checkEqual(_ cluster: NodeCluster) async throws {
        for name in [Self.events.name, Self.states.name] {
            var seen: Set<String> = []
            for number in cluster.numbers {
                let client = try await client(.readOnly, at: cluster.addresses[number])
                let last = state.withLock { $0.told.reduce(0) { $0 + $1.count } }
                let hashed = try await eventually("node \(number) has everything") {
                    let hashed = try await client.hashTopic(name)
                    return name != Self.events.name || hashed.offset.rawValue >= UInt64(last)
                        ? hashed : nil
                }
                seen.insert("\(hashed.offset) \(hashed.hash)")
                try await client.close()
            }
            #expect(seen.count == 1, "\(name): \(seen)")
        }
    }
}
