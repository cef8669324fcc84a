import Synchronization
import Testing
import ThalwegClient
import ThalwegCluster
import ThalwegModel
import ThalwegWire

/// Clients that write and listen, each knowing all nodes, while a cluster goes through something. In
/// the end everything that was acknowledged must be there, once and in order, for everybody.
///
/// Writers of events number their writes, so they never see an error. Writers of states do not: an
/// error ends them, unless `isSwitching`, where leaders are lost without a word.
final class ClusterLoad: Sendable {
    let events: Topic
    let states: Topic
    private let cluster: TestCluster
    private let clients: [ThalwegClient]
    private let isSwitching: Bool
    private let state = Mutex(State())

    private struct State {
        /// Writes that were answered, by writer.
        var answered: [Int] = Array(repeating: 0, count: ClusterLoad.writers)
        var failures: [any Error] = []
        var isDone = false
    }

    /// The first half writes events, the second states.
    private static let writers = 4
    private static var eventWriters: Range<Int> { 0..<writers / 2 }

    private init(_ cluster: TestCluster, isSwitching: Bool) async throws {
        self.cluster = cluster
        self.isSwitching = isSwitching
        var clients: [ThalwegClient] = []
        for number in 0..<Self.writers {
            clients.append(try await cluster.client(.named("load\(number)")))
        }
        self.clients = clients
        events = try await clients[0].topic(Stream.definition())
        states = try await clients[0].topic(try Sample.definition())
    }

    /// Writes and listens while `body` runs, and then looks at what became of it.
    static func run(
        _ cluster: TestCluster, isSwitching: Bool = false,
        _ body: (ClusterLoad) async throws -> Void
    ) async throws {
        let load = try await ClusterLoad(cluster, isSwitching: isSwitching)
        let reader = try await cluster.client(.readOnly)
        let feed = try await reader.subscribe(load.events, from: .start, deliver: .every)
        let view = try await reader.subscribe(load.states, from: .start)
        let result: Result<Void, any Error> = await withTaskGroup { tasks in
            for writer in 0..<writers { tasks.addTask { await load.write(writer) } }
            let result: Result<Void, any Error>
            do {
                try await load.progress()
                result = .success(try await body(load))
            } catch {
                result = .failure(error)
            }
            load.state.withLock { $0.isDone = true }
            await tasks.waitForAll()
            return result
        }
        try result.get()
        if let failure = load.state.withLock({ $0.failures.first }) { throw failure }
        try await load.check(feed, view)
        try await reader.close()
        for client in load.clients { try await client.close() }
    }

    /// Returns when each writer has had answers to writes that it sent after this was called.
    func progress() async throws {
        let before = state.withLock { $0.answered }
        _ = try await eventually("every writer is answered") { [self] in
            let (answered, failure) = state.withLock { ($0.answered, $0.failures.first) }
            if let failure { throw failure }
            return zip(before, answered).allSatisfy { $0 + 3 <= $1 } ? true : nil
        }
    }

    // MARK: Writing

    private func write(_ writer: Int) async {
        do {
            var number = 1
            while !state.withLock({ $0.isDone }) {
                guard try await put(writer, number) else { continue }
                state.withLock { $0.answered[writer] = number }
                number += 1
            }
        } catch {
            state.withLock { $0.failures.append(error) }
        }
    }

    /// Whether the write was answered with a yes.
    private func put(_ writer: Int, _ number: Int) async throws -> Bool {
        if Self.eventWriters.contains(writer) {
            try await clients[writer].put(events, "w\(writer)", "\(number)")
            return true
        }
        do throws(ThalwegError) {
            try await clients[writer].put(
                states, .u64(UInt64(writer)), row: row(writer, number))
            return true
        } catch {
            // Written again, it changes nothing if it is there.
            guard isSwitching, [.notCommitted, .connectionLost].contains(error.code) else {
                throw error
            }
            return false
        }
    }

    private func row(_ writer: Int, _ number: Int) throws(ThalwegError) -> [UInt8] {
        guard let layout = states.layout else { throw ThalwegError(.invalidSchema, "no layout") }
        return try layout.encode([.string("w\(writer)"), .float(0), .signed(Int64(number))])
    }

    // MARK: What became of it

    private func check(_ feed: Subscription, _ view: Subscription) async throws {
        let answered = state.withLock { $0.answered }
        let client = clients[0]
        let lastEvent = try await client.describeTopic(events.name).lastOffset
        let heard = try await feed.events(to: lastEvent)
        #expect(heard.map(\.offset.rawValue) == Array(1...lastEvent.rawValue))
        for writer in Self.eventWriters {
            let own = heard.filter { $0.key == .string("w\(writer)") }.map(Stream.text)
            #expect(own == (1...answered[writer]).map { "put w\(writer)=\($0)" })
        }
        let lastState = try await client.describeTopic(states.name).lastOffset
        var seen: [Key: [UInt8]] = [:]
        var offsets: [Offset] = []
        for change in try await view.events(to: lastState) {
            seen[change.key] = change.row
            offsets.append(change.offset)
        }
        #expect(offsets == offsets.sorted() && Set(offsets).count == offsets.count)
        for writer in Self.eventWriters.upperBound..<Self.writers {
            let key = Key.u64(UInt64(writer))
            let record = try #require(
                try await client.get(states, key, notBefore: .newest), "writer \(writer)")
            #expect(try states.values(of: record.row)[2] == .signed(Int64(answered[writer])))
            // Each number came once: there was one version for it.
            #expect(record.version.rawValue == UInt64(answered[writer]))
            #expect(seen[key] == record.row)
        }
        #expect(try await cluster.hashes(events.name, at: lastEvent).count == 1)
        #expect(try await cluster.hashes(states.name, at: lastState).count == 1)
    }
}

extension TestCluster {
    /// Stops a node and starts it again, on its data.
    func restart(_ id: NodeID) async throws {
        await stop(id)
        try await start(id)
    }

    /// Waits until the node knows who leads and has applied all that it knows to be committed at
    /// the leader.
    func caughtUp(_ id: NodeID) async throws {
        let leader = try await leader()
        let committed = try log(leader).progress.commitIndex
        _ = try await eventually("node \(id) has caught up") { [self] in
            let progress = try log(id).progress
            return progress.leader != .none && progress.deliveredIndex >= committed ? true : nil
        }
    }
}
