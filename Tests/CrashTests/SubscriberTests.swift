import Foundation
import Testing
import ThalwegClient
import ThalwegLog
import ThalwegModel

/// The server is killed again and again while subscribers are on. Each resumes by itself on the
/// next one, and what it has folded at the end is what the server holds.
@Suite(.serialized) struct SubscriberTests {
    private static let rounds = 4

    @Test func subscribersOutliveKills() async throws {
        let seed = CrashRun.configuredSeed
        print("crash seed \(seed), \(Self.rounds) rounds with subscribers")
        var random = SeededGenerator(seed: seed)
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("thalweg-crash-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        // One address for all, so that clients find the next server.
        let listen = folder.appendingPathComponent("socket").path
        let data = folder.appendingPathComponent("data").path
        func start() throws -> ServerProcess {
            try ServerProcess(data: data, listen: "unix:\(listen)")
        }
        var server = try start()
        let writer = try await client(listen, .named("writer"))
        let topic = try await writer.topic(
            TopicDefinition(
                name: "values", keyKind: .u64, schema: nil,
                options: TopicOptions(writes: .coalesced(windowMicroseconds: 2_000))))
        let filters = ["", "", "key < 50", "key >= 50"]
        let awaited: [[UInt64]] = [[0, 99], [0, 99], [0], [99]]
        var readers: [(client: ThalwegClient, subscription: Subscription, fold: Fold)] = []
        for (filter, awaited) in zip(filters, awaited) {
            let reader = try await client(listen, .readOnly)
            let same = try await reader.topic("values")
            let subscription = try await reader.subscribe(same, from: .start, filter: filter)
            readers.append((reader, subscription, Fold(awaited: awaited)))
        }
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            for reader in readers {
                tasks.addTask { try await reader.fold.follow(reader.subscription) }
            }
            for round in 1...Self.rounds {
                for _ in 0..<60 {
                    // What becomes of writes that a kill cuts off is not asked here.
                    try? await write(writer, topic, &random)
                }
                server.crash()
                server = try start()
                print("round \(round): \(readers.map { $0.fold.deliveries }) deliveries")
            }
            // The last writes: whoever has met them has met everything.
            for key in Fold.lastKeys { try await write(writer, topic, &random, last: key) }
            try await tasks.waitForAll()
        }
        var held: [UInt64: [UInt8]] = [:]
        for record in try await writer.scan(topic, limit: 1_000).records {
            if case .u64(let key) = record.key { held[key] = record.row }
        }
        for (filter, reader) in zip(filters, readers) {
            let expected = held.filter { filter.isEmpty || (filter == "key < 50") == ($0.key < 50) }
            #expect(reader.fold.held == expected, "seed \(seed), filter '\(filter)'")
        }
        for reader in readers { try await reader.client.close() }
        try await writer.close()
        #expect(server.stop() == 0, "seed \(seed): \(server.said)")
    }

    private func client(
        _ path: String, _ source: ClientOptions.Source
    ) async throws -> ThalwegClient {
        var options = ClientOptions(name: "crash", source: source)
        options.reconnect = .backOff(least: .milliseconds(5), greatest: .milliseconds(50))
        return try await ThalwegClient.connect(to: path, options: options)
    }

    private func write(
        _ client: ThalwegClient, _ topic: Topic, _ random: inout SeededGenerator,
        last: UInt64? = nil
    ) async throws {
        if let last {
            try await client.put(topic, .u64(last), row: Fold.lastRow)
            return
        }
        let key = UInt64.random(in: 0..<100, using: &random)
        let value = withUnsafeBytes(of: random.next()) { Array($0) }
        if Int.random(in: 0..<5, using: &random) == 0 {
            try await client.retract(topic, .u64(key))
        } else {
            try await client.put(topic, .u64(key), row: value)
        }
    }
}

/// What one subscriber has folded.
private final class Fold: @unchecked Sendable {
    static let lastKeys: [UInt64] = [0, 99]
    static let lastRow = Array("last".utf8)

    /// Those of the last keys that the reader gets.
    private let awaited: [UInt64]
    private let lock = NSLock()
    private var values: [UInt64: [UInt8]] = [:]
    private var count = 0

    init(awaited: [UInt64]) {
        self.awaited = awaited
    }

    var held: [UInt64: [UInt8]] { lock.withLock { values } }
    var deliveries: Int { lock.withLock { count } }

    /// Reads on until the last writes have come.
    func follow(_ subscription: Subscription) async throws {
        for try await delivery in subscription {
            let changes = try delivery.changes()
            let isDone = lock.withLock {
                if delivery.isReset { values = [:] }
                for change in changes {
                    if case .u64(let key) = change.key { values[key] = change.row }
                }
                count += 1
                return awaited.allSatisfy { values[$0] == Fold.lastRow }
            }
            if isDone { return }
        }
    }
}
