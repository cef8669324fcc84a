import ThalwegModel

/// The server that a scenario measures.
public struct ServerOptions: Hashable, Sendable {
    /// A server that runs already; `nil` to start one and end it afterwards.
    public var server: Endpoint?
    /// The process of that server, to read its processor time and memory; `nil` for the one that
    /// its counter `pid` tells, if any.
    public var serverProcessID: Int32?
    /// The command that servers and sinks are started with; `nil` for the running one.
    public var executable: String?
    /// What stands between `serve` and the scenario's own arguments.
    public var serverArguments: [String] = []
    /// A folder on the disk that the log is to be measured on; `nil` for the system's temporary
    /// one.
    public var scratchFolder: String?
    /// More than one: the scenario's own cluster of so many processes on this machine.
    public var nodes = 1

    public init() {}

    var shape: ClusterShape {
        ClusterShape(
            nodes: nodes, executable: executable, scratchFolder: scratchFolder,
            arguments: serverArguments)
    }

    func check() throws(ThalwegError) {
        try LoadOptions.check("--nodes", nodes, 1...7)
        guard nodes == 1 || server == nil else {
            throw ThalwegError(
                .invalidConfiguration, "a server that runs already has the nodes that it has",
                advice: "leave --server or --nodes out")
        }
    }
}
