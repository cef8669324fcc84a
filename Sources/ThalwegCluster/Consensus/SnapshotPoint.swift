/// What a snapshot stands for: everything up to one entry, and who belonged to the cluster then.
public struct SnapshotPoint: Sendable, Hashable {
    public var index: UInt64
    public var term: UInt64
    public var membershipIndex: UInt64
    /// Empty in the core's own call for a snapshot: the file knows.
    public var membership: Membership

    public init(index: UInt64, term: UInt64, membershipIndex: UInt64, membership: Membership) {
        self.index = index
        self.term = term
        self.membershipIndex = membershipIndex
        self.membership = membership
    }
}
