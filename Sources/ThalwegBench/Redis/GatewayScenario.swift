import ThalwegModel

/// What `thalweg bench redis` can be told.
public struct GatewayOptions: Hashable, Sendable {
    public var server = ServerOptions()
    public var clients = 50
    public var keys = 100_000
    public var valueBytes = 64
    /// Commands in a pipeline, one phase each.
    public var depths = [1, 16, 64]
    /// Of each contestant in each phase; the median counts.
    public var turns = 3
    /// Commands of one turn, at most; a phase of one command at a time has a tenth.
    public var requests = 1_000_000
    public var quiet = false
    public var commandLine: [String] = []

    public init() {}

    func check() throws(ThalwegError) {
        try LoadOptions.check("--clients", clients, 1...1_000)
        try LoadOptions.check("--keys", keys, 1...100_000_000)
        try LoadOptions.check("--value-bytes", valueBytes, 1...(1 << 20))
        try LoadOptions.check("--turns", turns, 1...99)
        try LoadOptions.check("--requests", requests, 1_000...1_000_000_000)
        for depth in depths { try LoadOptions.check("--depths", depth, 1...10_000) }
    }
}

/// One command at one depth of the pipeline: medians of the turns.
public struct GatewayPhase: Codable, Sendable {
    public var command: String
    public var depth: Int
    public var opsPerSecond: Double
    /// Processor time of the server, all its threads.
    @Nullable public var serverCpuNsPerOp: Double?
    /// Redis with its log synced before each reply, as ours is; with its log synced each second; and
    /// without one.
    public var redisSyncedOpsPerSecond: Double
    public var redisEverySecondOpsPerSecond: Double
    public var redisWithoutLogOpsPerSecond: Double
    public var ratioToRedisSynced: Double
    public var ratioToRedisEverySecond: Double
    public var ratioToRedisWithoutLog: Double
}

/// What `bench redis` found.
public struct GatewayReport: Report {
    public var scenario = "redis"
    public var commandLine: [String]
    public var machine: Machine
    public var clients: Int
    public var keys: Int
    public var valueBytes: Int
    public var turns: Int
    public var phases: [GatewayPhase]

    public var rows: [(label: String, figure: String)] {
        phases.map { phase in
            (
                "\(phase.command), \(phase.depth) in a pipeline",
                "\(Figure.count(phase.opsPerSecond))/s"
                    + (phase.serverCpuNsPerOp.map { ", CPU \(Figure.text($0, 0)) ns" } ?? "")
                    + "; Redis synced \(Figure.text(phase.ratioToRedisSynced, 2)), each second "
                    + "\(Figure.text(phase.ratioToRedisEverySecond, 2)), without a log "
                    + "\(Figure.text(phase.ratioToRedisWithoutLog, 2)) times"
            )
        }
    }
}

/// What a Redis client gets from us and from Redis: `redis-benchmark` against both, in turns.
public func runGateway(_ options: GatewayOptions) throws -> GatewayReport {
    try options.check()
    let benchmark = try RedisPeer.find("redis-benchmark")
    let redis = try RedisPeer.find("redis-server")
    let progress = Progress(quiet: options.quiet)
    let port = try RedisPeer.freePort()
    var serverOptions = options.server
    serverOptions.serverArguments += ["--redis", "127.0.0.1:\(port)"]
    let server = try MeasuredServer(serverOptions)
    defer { server.stop() }
    let others = try [
        ["--appendonly", "yes", "--appendfsync", "always"],
        ["--appendonly", "yes", "--appendfsync", "everysec"], ["--appendonly", "no"],
    ].map { try RedisProcess(redis, ["--save", ""] + $0) }
    defer { for other in others { other.stop() } }

    func run(
        _ command: RedisPeer.Command, _ depth: Int, _ port: UInt16, _ requests: Int
    ) throws
        -> Double
    {
        try RedisPeer.run(
            benchmark,
            [
                "-p", "\(port)", "-t", command.rawValue.lowercased(), "-d", "\(options.valueBytes)",
                "-P", "\(depth)", "-n", "\(requests)", "-c", "\(options.clients)", "-r",
                "\(options.keys)",
            ], command)
    }

    var phases: [GatewayPhase] = []
    for depth in options.depths {
        let requests = depth == 1 ? options.requests / 10 : options.requests
        for command in [RedisPeer.Command.set, .get] {
            var ours: [Double] = []
            var cpu: [Double] = []
            var theirs: [[Double]] = others.map { _ in [] }
            for turn in 1...options.turns {
                progress.say("\(command.rawValue), \(depth) in a pipeline, turn \(turn)")
                let before = server.cpuNanoseconds
                ours.append(try run(command, depth, port, requests))
                if let before, let after = server.cpuNanoseconds {
                    cpu.append(Double(after - before) / Double(requests))
                }
                for (number, other) in others.enumerated() {
                    theirs[number].append(try run(command, depth, other.port, requests))
                }
            }
            let rate = median(ours) ?? 0
            let medians = theirs.map { median($0) ?? 0 }
            phases.append(
                GatewayPhase(
                    command: command.rawValue, depth: depth, opsPerSecond: rate,
                    serverCpuNsPerOp: median(cpu),
                    redisSyncedOpsPerSecond: medians[0], redisEverySecondOpsPerSecond: medians[1],
                    redisWithoutLogOpsPerSecond: medians[2],
                    ratioToRedisSynced: rate / medians[0],
                    ratioToRedisEverySecond: rate / medians[1],
                    ratioToRedisWithoutLog: rate / medians[2]))
        }
    }
    return GatewayReport(
        commandLine: options.commandLine, machine: Machine.current(), clients: options.clients,
        keys: options.keys, valueBytes: options.valueBytes, turns: options.turns, phases: phases)
}
