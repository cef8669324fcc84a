public import ThalwegCluster
public import ThalwegModel
package import ThalwegTLS

/// What a node needs to take part in a cluster.
public struct ClusterOptions: Sendable {
    /// Makes the transport to the other nodes, for the node that the data directory belongs to.
    public typealias MakeTransport =
        @Sendable (NodeID) throws(ThalwegError) -> any PeerTransport

    /// The cluster's number, the same on every node.
    public var cluster: UInt64
    /// The identity for a new data directory; one that exists has its own.
    public var newNode: NodeID
    /// The members that found the cluster, the same on every founder; `nil` on a node that joins.
    /// Only looked at while the data directory has no log.
    public var founders: Membership?
    /// Election timeout, heartbeat, and what is kept for followers.
    public var replica = ReplicaOptions()
    /// How long a stop waits for what was appended to be committed.
    public var stopMilliseconds: UInt64 = 5_000
    /// How often a leader has the state of a topic compared between the nodes.
    public var checkMilliseconds: Int64 = 10_000
    public var makeTransport: MakeTransport
    /// How this node speaks to the others' listeners for clients; `nil` without TLS.
    package var calls: TLSOpening?

    public init(
        cluster: UInt64, newNode: NodeID, founders: Membership? = nil,
        makeTransport: @escaping MakeTransport
    ) {
        self.cluster = cluster
        self.newNode = newNode
        self.founders = founders
        self.makeTransport = makeTransport
    }
}
