public import ThalwegLog

/// What a node needs to know to take part in a cluster.
public struct ReplicatedLogOptions: Sendable {
    /// The cluster's number, the same on every node; frames of others are refused.
    public var cluster: UInt64
    /// The members that found the cluster, the same on every founder; nil on a node that joins.
    /// Only looked at while the data directory has no log.
    public var founders: Membership?
    /// The identity for a new data directory; an existing one has its own.
    public var newNode: NodeID
    public var log = LogOptions()
    public var replica = ReplicaOptions()
    /// Payload bytes appended and not yet committed; appends are refused beyond.
    public var maximumUncommittedBytes = 128 << 20
    /// Frames received and not yet looked at; more are dropped.
    public var maximumInboxBytes = 64 << 20
    /// How long `stop` waits for what was appended to be committed.
    public var stopMilliseconds: UInt64 = 5_000

    public init(cluster: UInt64, newNode: NodeID, founders: Membership? = nil) {
        self.cluster = cluster
        self.newNode = newNode
        self.founders = founders
    }
}
