/// The cluster that a scenario starts for itself: processes of this machine.
public struct ClusterShape: Hashable, Sendable {
    public var nodes = 3
    /// For `thalweg serve`; nil for its defaults.
    public var electionTimeout: String?
    public var heartbeat: String?
    /// The command that the nodes are; nil for the running one.
    public var executable: String?
    /// A folder on the disk that the logs are to be on; nil for the system's temporary one.
    public var scratchFolder: String?
    /// What stands between `serve` and the scenario's own arguments.
    var arguments: [String] = []
}
