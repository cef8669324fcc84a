/// What consensus must know of a snapshot: where in the history of leaders it stands.
public struct SnapshotPlace: Sendable, Hashable {
    /// The term of the snapshot's last entry; 0 for a node that stands alone.
    public var term: UInt64 = 0
    /// The entry that the members come from.
    public var membershipIndex: UInt64 = 0
    /// Who belonged to the cluster, as the entry encodes it, up to 1 MiB; empty without a cluster.
    public var membership: [UInt8] = []

    public init() {}

    public init(term: UInt64, membershipIndex: UInt64, membership: [UInt8]) {
        self.term = term
        self.membershipIndex = membershipIndex
        self.membership = membership
    }
}
