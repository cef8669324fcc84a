import Foundation
import Glibc
import ThalwegModel

/// Redis beside us: `redis-benchmark` with pipelined `SET`s or `GET`s of the same bytes.
struct RedisPeer {
    enum Command: String {
        case set = "SET"
        case get = "GET"
    }

    struct Figures {
        var withoutLog: Double?
        var withLog: Double?
        var note: String
    }

    var command = Command.set
    let valueBytes: Int
    let clients: Int
    let keys: Int
    let seconds: Double

    /// Measures the one at `address`, or for `spawn` one that is started for it, twice: without a
    /// log, which is an easier job than ours, and with one that is synced each second.
    func measure(_ address: String, _ progress: Progress) throws -> Figures {
        let benchmark = try Self.find("redis-benchmark")
        guard address == "spawn" else {
            let endpoint = try Endpoint(parsing: address)
            progress.say("redis at \(address)")
            return Figures(
                withoutLog: try run(benchmark, endpoint.port, host: endpoint.host),
                withLog: nil,
                note: "\(label); a server that ran already, its persistence is not known"
            )
        }
        let server = try Self.find("redis-server")
        progress.say("redis without a log")
        let without = try spawned(server, benchmark, ["--save", "", "--appendonly", "no"])
        guard command == .set else {
            return Figures(withoutLog: without, withLog: nil, note: label)
        }
        progress.say("redis with a log, synced each second")
        let with = try spawned(
            server,
            benchmark,
            ["--save", "", "--appendonly", "yes", "--appendfsync", "everysec"]
        )
        return Figures(
            withoutLog: without,
            withLog: with,
            note: "\(label); the first figure writes no log at all, which is the easier job: ours "
                + "is durable before it is visible"
        )
    }

    private var label: String {
        "redis-benchmark \(command.rawValue), \(clients) clients, 64 in a pipeline, values of \(valueBytes) bytes, "
            + "\(keys) keys"
    }

    private func spawned(
        _ server: String,
        _ benchmark: String,
        _ arguments: [String]
    ) throws -> Double {
        let redis = try RedisProcess(server, arguments)
        defer { redis.stop() }
        return try run(benchmark, redis.port, host: "127.0.0.1")
    }

    private func run(_ benchmark: String, _ port: UInt16, host: String) throws -> Double {
        // About half of what it does a second on a small machine, so it takes some of `seconds`.
        let requests = max(200_000, Int(seconds * 500_000))
        return try Self.run(
            benchmark,
            [
                "-h", host, "-p", "\(port)", "-t", command == .set ? "set" : "set,get", "-d",
                "\(valueBytes)", "-P", "64",
                "-n", "\(requests)", "-c", "\(clients)", "-r", "\(keys)",
            ], command)
    }

    /// What `redis-benchmark` says of one command.
    static func run(
        _ benchmark: String, _ arguments: [String], _ command: Command
    ) throws -> Double {
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(fileURLWithPath: benchmark)
        process.arguments = arguments + ["--csv"]
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        process.standardInput = FileHandle.nullDevice
        try process.run()
        let data = output.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        let text = String(decoding: data, as: UTF8.self)
        guard let figure = Self.requestsPerSecond(of: command, csv: text) else {
            throw ThalwegError(
                .connectionLost,
                "redis-benchmark gave no figure: \(text.suffix(300))",
                advice: "run it by hand to see why"
            )
        }
        return figure
    }

    /// The second column of the command's line.
    static func requestsPerSecond(of command: Command, csv: String) -> Double? {
        for line in csv.split(whereSeparator: \.isNewline) {
            let columns = line.split(separator: ",").map { $0.filter { $0 != "\"" } }
            if columns.count >= 2, columns[0] == command.rawValue { return Double(columns[1]) }
        }
        return nil
    }

    static func find(_ name: String) throws(ThalwegError) -> String {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/local/bin:/usr/bin:/bin"
        for folder in path.split(separator: ":") {
            let candidate = "\(folder)/\(name)"
            if access(candidate, X_OK) == 0 { return candidate }
        }
        throw ThalwegError(
            .invalidConfiguration,
            "\(name) is not installed",
            advice: "apt-get install redis-server redis-tools, or leave --redis out"
        )
    }

    static func freePort() throws(ThalwegError) -> UInt16 {
        try TCPSocket.listen(on: Endpoint(host: "127.0.0.1", port: 0)).localPort
    }
}
