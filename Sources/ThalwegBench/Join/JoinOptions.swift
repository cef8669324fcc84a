import ThalwegModel

/// What `thalweg bench join` can be told.
public struct JoinOptions: Hashable, Sendable {
    /// Nodes of the cluster before another one joins.
    public var nodes = 3
    /// Records that are there when it does.
    public var entities = 1_000_000
    /// Writes a second, open loop.
    public var rate = 50_000
    /// Writes alone, before the node is started.
    public var settling = Duration.seconds(10)
    public var windowMilliseconds = 20
    public var seed: UInt64 = 1
    /// For `thalweg serve`; nil for its defaults.
    public var electionTimeout: String?
    public var heartbeat: String?
    /// The command that the nodes are; nil for the running one.
    public var executable: String?
    /// A folder on the disk that the logs are to be on; nil for the system's temporary one.
    public var scratchFolder: String?
    public var quiet = false
    public var commandLine: [String] = []

    public init() {}

    var shape: ClusterShape {
        ClusterShape(
            nodes: nodes, electionTimeout: electionTimeout, heartbeat: heartbeat,
            executable: executable, scratchFolder: scratchFolder)
    }

    func check() throws(ThalwegError) {
        try LoadOptions.check("--nodes", nodes, 1...6)
        try LoadOptions.check("--entities", entities, 1...100_000_000)
        try LoadOptions.check("--rate", rate, JoinWriter.batchesPerSecond...10_000_000)
    }
}
