import Foundation
import Testing
import ThalwegClient
import ThalwegLog
import ThalwegModel

/// Rounds of: start, write from several clients at once, kill at a random moment, verify the files,
/// start again, compare every record with what its writer knows.
struct CrashRun {
    let seed: UInt64
    let rounds: Int
    let serverArguments: [String]
    private static let writers = 4
    private static let keysPerWriter = 16

    /// `THALWEG_CRASH_ROUNDS` says how many; few by default.
    static var configuredRounds: Int {
        ProcessInfo.processInfo.environment["THALWEG_CRASH_ROUNDS"].flatMap { Int($0) } ?? 5
    }

    /// `THALWEG_CRASH_SEED` repeats a run.
    static var configuredSeed: UInt64 {
        ProcessInfo.processInfo.environment["THALWEG_CRASH_SEED"].flatMap { UInt64($0) }
            ?? UInt64.random(in: 1...UInt64(UInt32.max))
    }

    /// Gives the index of the newest snapshot at the end.
    @discardableResult
    func run() async throws -> UInt64 {
        var random = SeededGenerator(seed: seed)
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("thalweg-crash-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let data = folder.appendingPathComponent("data").path
        let ledgers = (0..<CrashRun.writers).map { _ in Ledger() }
        var snapshotIndex: UInt64 = 0
        for round in 1...rounds {
            let server = try ServerProcess(data: data, arguments: serverArguments)
            try await check(server.address, ledgers, round)
            // Between a few windows and a few dozen.
            let milliseconds = Int.random(in: 10...300, using: &random)
            let seeds = ledgers.map { _ in random.next() }
            await withTaskGroup(of: Void.self) { tasks in
                for (writer, ledger) in ledgers.enumerated() {
                    let address = server.address
                    tasks.addTask {
                        await write(address, writer, ledger, seed: seeds[writer])
                    }
                }
                // The moment of the crash is what is random here; nothing waits for it.
                try? await Task.sleep(for: .milliseconds(milliseconds))
                server.crash()
            }
            let report = try LogVerifier(directory: data).verify()
            try #require(
                report.firstError == nil, "seed \(seed), round \(round): \(report)")
            snapshotIndex = report.snapshotIndex
        }
        let server = try ServerProcess(data: data, arguments: serverArguments)
        try await check(server.address, ledgers, rounds + 1)
        #expect(server.stop() == 0, "seed \(seed): \(server.said)")
        return snapshotIndex
    }

    private static let definition: Result<TopicDefinition, any Error> = Result {
        TopicDefinition(
            name: "crash", keyKind: .u64,
            schema: try Schema(parsing: "writer: u32, count: u64, text: string(64)"),
            options: TopicOptions(writes: .coalesced(windowMicroseconds: 5_000)))
    }

    /// Writes one committed write after the other until the connection is lost.
    private func write(_ address: String, _ writer: Int, _ ledger: Ledger, seed: UInt64) async {
        var random = SeededGenerator(seed: seed)
        do {
            var options = ClientOptions(
                name: "writer", source: .named("writer-\(writer)", shared: true))
            options.reconnect = .never
            let client = try await ThalwegClient.connect(to: address, options: options)
            let topic = try await client.topic(try CrashRun.definition.get())
            guard let layout = topic.layout else { return }
            while !Task.isCancelled {
                let key = UInt64(
                    writer * CrashRun.keysPerWriter
                        + Int.random(in: 0..<CrashRun.keysPerWriter, using: &random))
                if Int.random(in: 0..<10, using: &random) == 0 {
                    ledger.sending(key, count: nil)
                    let result = try await client.retract(topic, .u64(key))
                    ledger.answered(key, version: result.version, offset: result.offset)
                } else {
                    let count = random.next() >> 1
                    let text = String(
                        repeating: "x", count: Int.random(in: 0...64, using: &random))
                    let row = try layout.encode([
                        .unsigned(UInt64(writer)), .unsigned(count), .string(text),
                    ])
                    ledger.sending(key, count: count)
                    let result = try await client.put(topic, .u64(key), row: row)
                    ledger.answered(key, version: result.version, offset: result.offset)
                }
            }
        } catch {
            // The server was killed: that is the point.
        }
    }

    /// Compares what the server holds with what each writer may expect.
    private func check(_ address: String, _ ledgers: [Ledger], _ round: Int) async throws {
        var options = ClientOptions(name: "checker", source: .readOnly)
        options.reconnect = .never
        let client = try await ThalwegClient.connect(to: address, options: options)
        defer { Task { try? await client.close() } }
        guard try await client.listTopics().contains(where: { $0.definition.name == "crash" })
        else {
            // Killed before the topic was committed: then nothing may have been answered.
            let objections = ledgers.flatMap { ledger in
                ledger.keys.compactMap { ledger.objection($0, .init()) }
            }
            try #require(objections.isEmpty, "seed \(seed), round \(round): \(objections)")
            return
        }
        let topic = try await client.topic("crash")
        var offsets: Set<UInt64> = []
        for (writer, ledger) in ledgers.enumerated() {
            let first = UInt64(writer * CrashRun.keysPerWriter)
            let keys = (0..<UInt64(CrashRun.keysPerWriter)).map { first + $0 }
            let records = try await client.get(topic, many: keys.map { .u64($0) }).records
            let written = Set(ledger.keys)
            for (key, record) in zip(keys, records) {
                var found = Ledger.Found()
                if let record {
                    let values = try topic.values(of: record.row)
                    guard case .unsigned(let count) = values[1] else { continue }
                    #expect(values[0] == .unsigned(UInt64(writer)))
                    found = .init(count: count, version: record.version, offset: record.offset)
                    #expect(record.offset <= topic.info.lastOffset)
                    #expect(
                        offsets.insert(record.offset.rawValue).inserted,
                        "seed \(seed), round \(round): offset \(record.offset) twice")
                }
                if written.contains(key) {
                    let objection = ledger.objection(key, found)
                    try #require(
                        objection == nil,
                        "seed \(seed), round \(round): \(objection ?? "")")
                    ledger.settle(key, found)
                } else {
                    try #require(
                        record == nil,
                        "seed \(seed), round \(round): key \(key) was never written")
                }
            }
        }
    }
}
