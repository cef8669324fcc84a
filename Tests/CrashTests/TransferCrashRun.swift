import Foundation
import Testing
import ThalwegClient
import ThalwegLog
import ThalwegModel

/// Rounds of: start, transfer between accounts from several sessions through the example program,
/// kill at a random moment. At the end the history must be one that no crash could have given: each
/// transfer that was answered is in it once, where its answer said, and nothing else is; after each
/// of them the sum is what was paid in, and no account is below zero.
struct TransferCrashRun {
    let seed: UInt64
    let rounds: Int
    let serverArguments: [String]
    private static let writers = 5
    private static let accounts: UInt64 = 10
    private static let paidIn: Int64 = 2_000_000

    /// The program and its engine, as `make modules` leaves them.
    enum Files {
        private static let root = URL(fileURLWithPath: #filePath)
            .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        private static let environment = ProcessInfo.processInfo.environment
        static let module = root.appendingPathComponent("Programs/.build/programs/Transfer.wasm")
        static let engine =
            environment["THALWEG_WASMTIME"]
            ?? root.appendingPathComponent(".wasmtime/libwasmtime-50.0.1.so").path

        static let areThere =
            environment["THALWEG_REQUIRE_PROGRAMS"] != nil
            || [module.path, engine].allSatisfy { FileManager.default.fileExists(atPath: $0) }
    }

    /// An amount says whose transfer it is, and which one: no two are the same.
    private struct Told: Sendable {
        var amount: Int64
        var from: UInt64
        var to: UInt64
        /// Of the second of its two changes; `nil` where the program refused it.
        var offset: Offset?
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
        let start = {
            try ServerProcess(data: data, arguments: arguments, engine: Files.engine)
        }

        var server = try start()
        try await payIn(socket)
        var writers: [Task<[Told], any Error>] = []
        for writer in 0..<TransferCrashRun.writers {
            let client = try await connect(socket, .named("teller-\(writer)"))
            let topic = try await client.topic("accounts")
            let own = SeededGenerator(seed: seed &+ UInt64(writer))
            writers.append(Task { try await transfer(client, topic, Int64(writer), own) })
        }
        for round in 1...rounds {
            try await KillRound.run(
                server, data: data, socket: socket, name: "seed \(seed), round \(round)",
                random: &random)
            server = try start()
        }
        var told: [Told] = []
        for writer in writers {
            writer.cancel()
            told += try await writer.value
        }
        let before = try await check(socket, told)
        // The last crash: the state that comes back is the one that was checked.
        server.crash()
        try? FileManager.default.removeItem(atPath: socket)
        server = try start()
        let after = try await program(socket)
        #expect(after == before, "seed \(seed)")
        #expect(server.stop() == 0, "seed \(seed): \(server.said)")
    }

    private func connect(
        _ socket: String, _ source: ClientOptions.Source
    ) async throws(ThalwegError) -> ThalwegClient {
        var options = ClientOptions(name: "teller", source: source)
        options.reconnect = .backOff(least: .milliseconds(2), greatest: .milliseconds(20))
        return try await ThalwegClient.connect(to: socket, options: options)
    }

    private func payIn(_ socket: String) async throws {
        let client = try await connect(socket, .any)
        let topic = try await client.topic(
            TopicDefinition(
                name: "accounts", keyKind: .u64, schema: nil,
                options: TopicOptions(writes: .every, history: .forever)))
        try await client.deployProgram(
            Array(try Data(contentsOf: Files.module)), to: "accounts", name: "transfer")
        for account in 0..<TransferCrashRun.accounts {
            try await client.put(
                topic, .u64(account), row: bytes(UInt64(TransferCrashRun.paidIn)))
        }
        try await client.close()
    }

    /// One transfer after the other until it is cancelled; one in eight is of more than there is.
    private func transfer(
        _ client: ThalwegClient, _ topic: Topic, _ writer: Int64, _ generator: SeededGenerator
    ) async throws -> [Told] {
        var random = generator
        var told: [Told] = []
        while !Task.isCancelled {
            let from = UInt64.random(in: 0..<TransferCrashRun.accounts, using: &random)
            let step = UInt64.random(in: 1..<TransferCrashRun.accounts, using: &random)
            let to = (from + step) % TransferCrashRun.accounts
            var amount = Int64(told.count) * Int64(TransferCrashRun.writers) + writer + 1
            if UInt64.random(in: 0..<8, using: &random) == 0 { amount += 1 << 40 }
            let row = bytes(UInt64(amount)) + bytes(to)
            // Not cancelled in the middle: the answer is what is compared.
            let offset = try await Task { () throws -> Offset? in
                do throws(ThalwegError) {
                    return try await client.put(topic, .u64(from), row: row).offset
                } catch {
                    guard error.code == .rejected, error.value == 100 else { throw error }
                    return nil
                }
            }.value
            told.append(Told(amount: amount, from: from, to: to, offset: offset))
        }
        try await Task { try await client.close() }.value
        return told
    }

    private func program(_ socket: String) async throws -> ProgramInfo {
        let client = try await connect(socket, .readOnly)
        let program = try #require(try await client.programs(of: "accounts").first)
        try await client.close()
        return program
    }

    private func check(_ socket: String, _ told: [Told]) async throws -> ProgramInfo {
        let client = try await connect(socket, .readOnly)
        let topic = try await client.topic("accounts")
        var history: [Change] = []
        for try await delivery in try await client.subscribe(topic, deliver: .every) {
            history += try delivery.changes()
            if delivery.resumeOffset >= topic.info.lastOffset { break }
        }
        try await client.close()

        let accounts = Int(TransferCrashRun.accounts)
        let taken = told.filter { $0.offset != nil }.sorted {
            ($0.offset ?? .start) < ($1.offset ?? .start)
        }
        let refused = told.count - taken.count
        try #require(history.count == accounts + 2 * taken.count, "seed \(seed)")
        var balances = [Key: Int64](
            uniqueKeysWithValues: (0..<TransferCrashRun.accounts).map {
                (.u64($0), TransferCrashRun.paidIn)
            })
        for (number, transfer) in taken.enumerated() {
            let place = accounts + 2 * number
            let pair = [history[place], history[place + 1]]
            try #require(pair[1].offset == transfer.offset, "seed \(seed)")
            try #require(pair.map(\.key) == [.u64(transfer.from), .u64(transfer.to)])
            balances[pair[0].key, default: 0] -= transfer.amount
            balances[pair[1].key, default: 0] += transfer.amount
            for change in pair {
                try #require(
                    self.number(change.row) == balances[change.key],
                    "seed \(seed), offset \(change.offset)")
            }
            try #require(balances[pair[0].key] ?? -1 >= 0, "seed \(seed)")
        }
        #expect(
            balances.values.reduce(0, +)
                == TransferCrashRun.paidIn * Int64(TransferCrashRun.accounts))
        #expect(refused > 0, "seed \(seed): nothing was refused")
        let program = try await program(socket)
        #expect(program.writes == UInt64(accounts + told.count), "seed \(seed)")
        #expect(program.rejected == UInt64(refused) && program.failed == 0, "seed \(seed)")
        print(
            "transfer crash seed \(seed): \(rounds) kills, \(taken.count) taken, \(refused) refused"
        )
        return program
    }

    private func bytes(_ number: UInt64) -> [UInt8] {
        withUnsafeBytes(of: number.littleEndian) { Array($0) }
    }

    private func number(_ row: [UInt8]?) -> Int64? {
        row.map { Int64(bitPattern: $0.reversed().reduce(0) { $0 << 8 | UInt64($1) }) }
    }
}
