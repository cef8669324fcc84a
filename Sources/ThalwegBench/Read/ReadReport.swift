/// Reads of single records under one rate of background writes.
public struct ReadPhase: Codable, Sendable {
    /// Background writes a second that were asked for, and that were done.
    public var rate: Int
    public var backgroundOpsPerSecond: Double
    public var read: Latencies
    /// Bytes of a read's size, sent back as they are by a bare server, between the reads of this
    /// phase.
    public var echo: Latencies
    /// p50 of the reads to p50 of the echo.
    public var ratioToEcho: Double
    /// The same of one on the event library that the server has.
    public var libraryEcho: Latencies
    public var ratioToLibraryEcho: Double
    /// Reads of a replica in the reader's own process.
    public var replica: Latencies
    public var replicaReadP99Ns: Double
}

/// Reads of single records, 64 under way on each of as many connections as the load has workers.
public struct PipelinedFigures: Codable, Sendable {
    public var connections: Int
    public var inFlight: Int
    public var readsPerSecond: Double
    /// Processor time of the server, all its threads.
    @Nullable public var serverCpuNsPerRead: Double?
    /// `redis-benchmark` with GETs of as many bytes, as many connections and under way.
    @Nullable public var redisReadsPerSecond: Double?
    @Nullable public var ratioToRedis: Double?
}

/// What `bench read` found.
public struct ReadReport: Report {
    public var scenario = "read"
    public var commandLine: [String]
    public var machine: Machine
    public var seed: UInt64
    public var entities: Int
    /// Frames of the answers, and of the echo.
    public var answerBytes: Int
    public var inFlight = 1
    /// Cores that the reader, the server and the echoes share; none where the system places them.
    public var sharedCores: [Int]
    public var phases: [ReadPhase]
    /// 64 reads under way on each connection, every answer checked.
    public var pipelined: PipelinedFigures
    // Of the first phase:
    public var readP50Us: Double
    public var readP99Us: Double
    public var readP999Us: Double
    public var echoP50Us: Double
    public var ratioToEcho: Double
    public var ratioToLibraryEcho: Double
    public var replicaReadP99Ns: Double
    public var backgroundOpsPerSecond: Double
    public var errors: Int

    public var rows: [(label: String, figure: String)] {
        var rows: [(label: String, figure: String)] = []
        for phase in phases {
            let (read, echo) = (phase.read, phase.echo)
            rows.append(
                (
                    "at \(Figure.count(phase.backgroundOpsPerSecond)) writes/s",
                    "p50 \(Figure.text(read.p50Us, 1)), p99 \(Figure.text(read.p99Us, 1)), "
                        + "p99.9 \(Figure.text(read.p999Us, 1)) µs; echo p50 "
                        + "\(Figure.text(echo.p50Us, 1)) µs, "
                        + "ratio \(Figure.text(phase.ratioToEcho, 2)), to one on NIO "
                        + "\(Figure.text(phase.ratioToLibraryEcho, 2)); replica p99 "
                        + "\(Figure.text(phase.replicaReadP99Ns, 0)) ns"
                )
            )
        }
        let each = pipelined.serverCpuNsPerRead.map {
            ", server CPU \(Figure.text($0, 0)) ns a read"
        }
        rows.append(
            (
                "\(pipelined.inFlight) at a time",
                "\(Figure.count(pipelined.readsPerSecond)) reads/s over "
                    + "\(pipelined.connections) connections\(each ?? "")"
            )
        )
        if let redis = pipelined.redisReadsPerSecond, let ratio = pipelined.ratioToRedis {
            rows.append(("Redis", "\(Figure.count(redis))/s, ratio \(Figure.text(ratio, 2))"))
        }
        return rows + [("errors", "\(errors)")]
    }
}
