import Foundation
import Synchronization
import Testing
import ThalwegClient
import ThalwegModel

/// What the topic holds: the number of each key's last write.
struct StalledTable {
    var counters: [UInt64: UInt64] = [:]
    var offsets: [UInt64: Offset] = [:]
    var last = Offset.start
}

/// A server, a client that watches, and clients that write.
final class StalledServer {
    static let keys = 2_000
    static let rowBytes = 400

    let server: ServerProcess
    let watch: ThalwegClient
    let clerk: ThalwegClient

    /// - Parameter isLong: over TCP, whose buffers take a while to fill; else over a Unix socket.
    static func run(
        _ name: String, isLong: Bool, _ body: (StalledServer) async throws -> Void
    ) async throws {
        let data = FileManager.default.temporaryDirectory
            .appendingPathComponent("thalweg-stall-\(name)-\(UUID().uuidString)").path
        defer {
            for path in [data, data + ".log", data + ".socket"] {
                try? FileManager.default.removeItem(atPath: path)
            }
        }
        let listen = isLong ? "127.0.0.1:0" : "unix:\(data).socket"
        let stage = try await StalledServer(ServerProcess(data: data, listen: listen))
        try await body(stage)
        try await stage.watch.close()
        try await stage.clerk.close()
        #expect(stage.server.stop() == 0, "\(stage.server.said)")
    }

    private init(_ server: ServerProcess) async throws {
        self.server = server
        watch = try await Self.connect(server, .readOnly)
        clerk = try await Self.connect(server, .named("clerk"))
    }

    static func connect(
        _ server: ServerProcess, _ source: ClientOptions.Source,
        deadline: Duration? = nil
    ) async throws -> ThalwegClient {
        var options = ClientOptions(name: "stall", source: source)
        if let deadline { options.livenessDeadline = deadline }
        options.reconnect = .never
        // A writer that is held up by a reader waits as long as that takes.
        options.requestTimeout = .seconds(3_600)
        // A delivery may have a megabyte.
        options.subscriptionBufferBytes = 1 << 20
        return try await ThalwegClient.connect(to: server.address, options: options)
    }

    /// A topic of plain bytes that has each key once.
    func topic(
        _ writes: TopicOptions.Writes, _ name: String = "values",
        history: TopicOptions.History = .none
    ) async throws -> Topic {
        let topic = try await clerk.topic(
            TopicDefinition(
                name: name, keyKind: .u64, schema: nil,
                options: TopicOptions(writes: writes, history: history)))
        var batch = Batch(topic, acknowledgement: .committed)
        for key in 0..<UInt64(Self.keys) { try batch.assert(.u64(key), row: Self.row(0)) }
        try await clerk.write(&batch)
        return topic
    }

    static func row(_ counter: UInt64) -> [UInt8] {
        withUnsafeBytes(of: counter.littleEndian) { Array($0) }
            + [UInt8](repeating: 7, count: rowBytes - 8)
    }

    static func counter(_ row: some Collection<UInt8>) -> UInt64 {
        row.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    func load(_ topic: Topic, limit: Int = .max) async throws -> FullLoad {
        // What it has asserted stays when it has left: a retraction is a change too.
        FullLoad(
            try await Self.connect(server, .named("load"), deadline: .zero), topic, limit: limit)
    }

    /// Waits until readers are as they should be and nothing more is sent to them, while writes go on
    /// or have been stopped by that.
    func settle(
        _ isReached: (StatusInfo) -> Bool
    ) async throws -> StatusInfo {
        var same = 0
        var before = try await watch.status()
        while same < 30 {
            let now = try await watch.status()
            let isSame = isReached(now) && now["feed_bytes"] == before["feed_bytes"]
            same = isSame ? same + 1 : 0
            before = now
        }
        return before
    }

    /// Looks at the server's memory while time passes: as the system counts it, and as it does itself.
    func stand(
        still time: Duration, slack: Int, _ meanwhile: () async throws -> Void = {}
    ) async throws -> String {
        let start = ContinuousClock.now
        // Windows, sockets and the log have taken what they need by then.
        while ContinuousClock.now - start < time / 4 { _ = try await watch.status() }
        let resident = try server.memory(.resident)
        let own = try await watch.status()["memory_bytes"] ?? 0
        var most = resident
        while ContinuousClock.now - start < time {
            try await meanwhile()
            most = max(most, try server.memory(.resident))
        }
        let end = try await watch.status()["memory_bytes"] ?? 0
        #expect(most - resident < slack, "\(resident) bytes became \(most)")
        #expect(end < own + UInt64(slack), "\(own) bytes became \(end)")
        return "\(resident >> 20) MiB became \(most >> 20) at the most"
    }

    func table(_ topic: Topic) async throws -> StalledTable {
        var table = StalledTable()
        var token: [UInt8] = []
        repeat {
            let page = try await watch.scan(topic, resumeToken: token)
            for record in page.records {
                guard case .u64(let key) = record.key else { continue }
                table.counters[key] = Self.counter(record.row)
                table.offsets[key] = record.offset
            }
            token = page.nextToken
        } while !token.isEmpty
        table.last = try await watch.describeTopic(topic.name).lastOffset
        return table
    }
}

/// Writes every key again and again, as fast as the server takes it.
final class FullLoad: Sendable {
    private final class End: Sendable {
        let isReached = Mutex(false)
    }

    private let end = End()
    private let task: Task<Int, any Error>

    init(_ client: ThalwegClient, _ topic: Topic, limit: Int) {
        task = Task { [end] in
            var written = 0
            var counter: UInt64 = 0
            while written < limit, !end.isReached.withLock({ $0 }) {
                // A batch is taken when the socket has room.
                var batch = Batch(topic, acknowledgement: .none, capacity: 1 << 20)
                for key in 0..<UInt64(StalledServer.keys) {
                    counter += 1
                    try batch.assert(.u64(key), row: StalledServer.row(counter))
                }
                written += batch.count
                try await client.write(&batch)
            }
            try await client.flush()
            try await client.close()
            return written
        }
    }

    /// Gives the number of writes, all of which are committed, when they have come to their limit.
    func value() async throws -> Int {
        try await task.value
    }

    /// The same, now.
    func end() async throws -> Int {
        end.isReached.withLock { $0 = true }
        return try await value()
    }
}
