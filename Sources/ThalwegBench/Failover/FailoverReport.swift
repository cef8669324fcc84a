/// What `bench failover` found.
public struct FailoverReport: Report {
    public var scenario = "failover"
    public var commandLine: [String]
    public var machine: Machine
    public var nodes: Int
    /// `leader`, `follower` or `all`.
    public var victim: String
    public var kills: Int
    /// Nil for the default.
    @Nullable public var electionTimeout: String?
    /// From the kill until the first answer to a batch that was sent after it.
    @Nullable public var firstCommitMsP50: Double?
    @Nullable public var firstCommitMsMax: Double?
    /// Distinct writes that were acknowledged as committed.
    public var writes: UInt64
    /// Acknowledged writes that a node does not have at the end.
    public var lost: UInt64
    /// Times that a write was applied beyond its first.
    public var duplicated: UInt64
    /// Answers that a client which goes where it is sent cannot get over.
    public var clientErrors: UInt64
    /// Every node has the same state at the end.
    public var areEqual: Bool

    public var rows: [(label: String, figure: String)] {
        [
            ("nodes", "\(nodes), killed \(kills) times: \(victim)"),
            (
                "first commit after a kill",
                "p50 " + Figure.optional(firstCommitMsP50, 0, " ms, ") + "longest "
                    + Figure.optional(firstCommitMsMax, 0, " ms")
            ),
            ("acknowledged writes", "\(writes)"),
            ("lost", "\(lost)"),
            ("applied twice", "\(duplicated)"),
            ("errors at the client", "\(clientErrors)"),
            ("state of the nodes", areEqual ? "equal" : "DIFFERENT"),
        ]
    }
}
