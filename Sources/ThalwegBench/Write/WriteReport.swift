/// The least, mean and greatest of some figures.
public struct Spread: Codable, Hashable, Sendable {
    public var min: Double
    public var mean: Double
    public var max: Double

    init(_ values: [Double]) {
        min = values.min() ?? 0
        max = values.max() ?? 0
        mean = values.isEmpty ? 0 : values.reduce(0, +) / Double(values.count)
    }
}

/// What `bench write` found. Keys in JSON are these names in snake case.
public struct WriteReport: Report {
    public var scenario = "write"
    public var commandLine: [String]
    public var machine: Machine
    public var seed: UInt64
    /// Who used the machine's cores beside the server.
    public var sharedMachine: String

    /// More than one: a cluster of processes on this machine, and the figures are of them all.
    public var nodes: Int
    public var workers: Int
    public var threads: Int
    public var entities: Int
    public var mix: String
    public var hotPct: Int
    public var rate: Int
    public var subscribers: Int
    /// Writes of one frame, on average; each worker has as many frames under way as the socket
    /// takes.
    public var writesPerFrame: Double
    public var acknowledgement = "none, one flush barrier for each worker at the end"

    /// From the first write until the last barrier was answered.
    public var durationS: Double
    public var ops: Int
    public var opsPerSecond: Double
    /// What is compared takes turns; ``opsPerSecond`` is of all of them.
    public var opsPerSecondOfTurns: [Double] = []
    public var workerOpsPerSecond: Spread
    /// Error frames, and writes that the server counted as invalid.
    public var errors: Int
    /// Frame headers included.
    public var bytesPerOp: Double
    public var clientCpuNsPerOp: Double
    @Nullable public var serverCpuNsPerOp: Double?

    @Nullable public var windowMs: Double?
    @Nullable public var fsync: String?
    @Nullable public var fsyncs: UInt64?
    @Nullable public var entries: UInt64?
    @Nullable public var netChanges: UInt64?
    @Nullable public var logBytes: UInt64?
    @Nullable public var logBytesPerSecond: Double?
    @Nullable public var dirtyRecordsPerWindow: Double?
    /// Writes for each net change.
    @Nullable public var coalescingRatio: Double?
    /// Each counter at the end of the load, less what it was at the start where it only grows.
    public var serverCounters: [String: UInt64]

    @Nullable public var subscriberChanges: Int?
    @Nullable public var subscriberChangesPerSecond: Double?
    @Nullable public var subscriberDeliveries: Int?
    @Nullable public var subscriberBytes: Int?
    @Nullable public var subscriptionsEnded: Int?
    @Nullable public var bootstrapMs: Double?
    @Nullable public var catchUpMs: Double?
    /// Changes that all subscribers received, without their bootstraps, by the second of writing.
    @Nullable public var notificationsPerSecond: Double?
    /// From the sending of a record's newest write, or from when it was due at a rate, to the
    /// record's notification; of the first subscriber.
    @Nullable public var notificationLatency: Latencies?
    @Nullable public var notificationP50Us: Double?
    @Nullable public var notificationP99Us: Double?
    @Nullable public var notificationP999Us: Double?
    /// The same load on a fresh server without subscribers, in turns with this one.
    @Nullable public var zeroSubscribersOpsPerSecond: Double?
    @Nullable public var zeroSubscribersOpsPerSecondOfTurns: [Double]?
    @Nullable public var zeroSubscribersServerCpuNsPerOp: Double?
    @Nullable public var ratioToZeroSubscribers: Double?
    /// The same load on a node that stands alone, in turns with the cluster.
    @Nullable public var oneNodeOpsPerSecond: Double?
    @Nullable public var oneNodeOpsPerSecondOfTurns: [Double]?
    @Nullable public var ratioToOneNode: Double?

    @Nullable public var sinkOpsPerSecond: Double?
    @Nullable public var sinkServerCpuNsPerOp: Double?
    @Nullable public var sinkClientCpuNsPerOp: Double?
    @Nullable public var ratioToSink: Double?
    @Nullable public var sinkNote: String?

    /// `SET`s of the same bytes, without a log.
    @Nullable public var redisOpsPerSecond: Double?
    @Nullable public var ratioToRedis: Double?
    /// `SET`s of the same bytes, with a log that is synced each second.
    @Nullable public var redisAofOpsPerSecond: Double?
    @Nullable public var ratioToRedisAof: Double?
    @Nullable public var redisNote: String?

    public var rows: [(label: String, figure: String)] {
        var rows: [(label: String, figure: String)] = [
            ("writes", "\(Figure.count(Double(ops))) in \(Figure.text(durationS, 2)) s"),
            ("rate", "\(Figure.count(opsPerSecond))/s"),
            (
                "a worker",
                "\(Figure.count(workerOpsPerSecond.min)) – "
                    + "\(Figure.count(workerOpsPerSecond.max))/s"
                    + " (\(workers) workers, \(threads) threads)"
            ),
            ("errors", "\(errors)"),
            ("bytes a write", Figure.text(bytesPerOp, 1)),
            ("server CPU a write", Figure.optional(serverCpuNsPerOp, 1, " ns")),
            ("client CPU a write", Figure.text(clientCpuNsPerOp, 1) + " ns"),
            ("window", Figure.optional(windowMs, 0, " ms") + ", fsync \(fsync ?? "–")"),
            ("net changes", netChanges.map { Figure.count(Double($0)) } ?? "–"),
            ("writes a net change", Figure.optional(coalescingRatio, 1, "")),
            ("dirty records a window", Figure.optional(dirtyRecordsPerWindow, 0, "")),
            ("log", logBytesPerSecond.map { Figure.count($0) + "B/s" } ?? "–"),
        ]
        if let changes = notificationsPerSecond {
            rows.append(("notifications", "\(Figure.count(changes))/s to \(subscribers)"))
        }
        if let latency = notificationLatency {
            let (half, most) = (latency.p50Us / 1_000, latency.p99Us / 1_000)
            rows.append(
                ("their latency", "p50 \(Figure.text(half, 1)) ms, p99 \(Figure.text(most, 1)) ms")
            )
        }
        if let zero = zeroSubscribersOpsPerSecond {
            let ratio = Figure.optional(ratioToZeroSubscribers, 2, "")
            rows.append(("without subscribers", "\(Figure.count(zero))/s, ratio \(ratio)"))
        }
        if let one = oneNodeOpsPerSecond {
            let ratio = Figure.optional(ratioToOneNode, 2, "")
            rows.append(("one node", "\(Figure.count(one))/s, \(nodes) nodes are \(ratio) of it"))
        }
        if let bootstrapMs { rows.append(("bootstrap", Figure.text(bootstrapMs, 1) + " ms")) }
        if let sink = sinkOpsPerSecond {
            let ratio = Figure.optional(ratioToSink, 2, "")
            rows.append(("sink", "\(Figure.count(sink))/s, ratio \(ratio)"))
        }
        if let redis = redisOpsPerSecond {
            let ratio = Figure.optional(ratioToRedis, 1, "")
            rows.append(("Redis, no log", "\(Figure.count(redis))/s, ratio \(ratio)"))
        }
        if let redis = redisAofOpsPerSecond {
            let ratio = Figure.optional(ratioToRedisAof, 1, "")
            rows.append(("Redis, log synced each s", "\(Figure.count(redis))/s, ratio \(ratio)"))
        }
        return rows
    }
}
