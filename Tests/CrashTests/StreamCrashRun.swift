import Foundation
import Testing
import ThalwegClient
import ThalwegLog
import ThalwegModel

/// Rounds of: start, write to a stream from several sessions, kill at a random moment. The clients
/// live on and find the next server through a Unix socket of the same name. At the end each write
/// of each session is in the log once, where its answer said.
struct StreamCrashRun {
    let seed: UInt64
    let rounds: Int
    let serverArguments: [String]
    private static let writers = 6

    private struct Told: Sendable {
        var text: String
        var offset: Offset
    }

    func run() async throws {
        var random = SeededGenerator(seed: seed)
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("tw-\(seed)-\(UUID().uuidString.prefix(6))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let data = folder.appendingPathComponent("data").path
        let socket = folder.appendingPathComponent("s").path
        let arguments = ["--listen", "unix:\(socket)"] + serverArguments

        var server = try ServerProcess(data: data, arguments: arguments)
        var writers: [Task<[Told], any Error>] = []
        for writer in 0..<StreamCrashRun.writers {
            let client = try await connect(socket, writer)
            let topic = try await client.topic(StreamCrashRun.definition)
            writers.append(Task { try await write(client, topic, writer) })
        }
        for round in 1...rounds {
            try await KillRound.run(
                server, data: data, socket: socket, name: "seed \(seed), round \(round)",
                random: &random)
            server = try ServerProcess(data: data, arguments: arguments)
        }
        var told: [Told] = []
        for writer in writers {
            writer.cancel()
            told += try await writer.value
        }
        try await check(socket, told)
        #expect(server.stop() == 0, "seed \(seed): \(server.said)")
    }

    private static let definition = TopicDefinition(
        name: "stream", keyKind: .string, schema: nil,
        options: TopicOptions(writes: .every, history: .forever))

    private func connect(
        _ socket: String, _ writer: Int
    ) async throws(ThalwegError) -> ThalwegClient {
        var options = ClientOptions(name: "writer", source: .named("writer-\(writer)"))
        options.reconnect = .backOff(least: .milliseconds(2), greatest: .milliseconds(20))
        return try await ThalwegClient.connect(to: socket, options: options)
    }

    /// Writes one event after the other until it is cancelled.
    private func write(
        _ client: ThalwegClient, _ topic: Topic, _ writer: Int
    ) async throws -> [Told] {
        var told: [Told] = []
        while !Task.isCancelled {
            let text = "\(writer):\(told.count)"
            // Not cancelled in the middle: the answer is what is compared.
            let row = Array(text.utf8)
            let key = Key.string("k\(told.count % 7)")
            let result = try await Task {
                try await client.put(topic, key, row: row)
            }.value
            told.append(Told(text: text, offset: result.offset))
        }
        try await Task { try await client.close() }.value
        return told
    }

    private func check(_ socket: String, _ told: [Told]) async throws {
        let client = try await ThalwegClient.connect(
            to: socket, options: ClientOptions(name: "checker", source: .readOnly))
        let topic = try await client.topic("stream")
        var log: [Change] = []
        for try await delivery in try await client.subscribe(topic, deliver: .every) {
            log += try delivery.changes()
            if delivery.resumeOffset >= topic.info.lastOffset { break }
        }
        let inOrder = told.sorted { $0.offset < $1.offset }
        #expect(log.count == inOrder.count, "seed \(seed)")
        for (event, told) in zip(log, inOrder) {
            let row = try #require(event.row)
            try #require(event.offset == told.offset, "seed \(seed)")
            try #require(String(decoding: row, as: UTF8.self) == told.text, "seed \(seed)")
        }
        print("stream crash seed \(seed): \(rounds) kills, \(log.count) events")
        try await client.close()
    }
}
