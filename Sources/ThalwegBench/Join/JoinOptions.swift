import ThalwegModel

/// What `thalweg bench join` can be told.
public struct JoinOptions: Hashable, Sendable {
    /// Before another node joins.
    public var cluster = ClusterShape()
    /// Records that are there when it does.
    public var entities = 1_000_000
    /// Writes a second, open loop.
    public var rate = 50_000
    /// Writes alone, before the node is started.
    public var settling = Duration.seconds(10)
    public var windowMilliseconds = 20
    public var seed: UInt64 = 1
    public var quiet = false
    public var commandLine: [String] = []

    public init() {}

    func check() throws(ThalwegError) {
        try LoadOptions.check("--nodes", cluster.nodes, 1...6)
        try LoadOptions.check("--entities", entities, 1...100_000_000)
        try LoadOptions.check("--rate", rate, JoinWriter.batchesPerSecond...10_000_000)
    }
}
