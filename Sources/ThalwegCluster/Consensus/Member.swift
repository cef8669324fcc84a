/// A node of the cluster as everybody knows it.
public struct Member: Hashable, Sendable {
    /// What a member does beyond keeping the log.
    public enum Role: UInt8, Sendable {
        /// Keeps the log and serves reads; it has no say.
        case learner = 0
        /// Elects leaders, and its disk counts for the majority.
        case voter = 1
    }

    public var id: NodeID
    /// Where the other nodes reach it, 1–255 bytes.
    public var address: String
    public var role: Role

    public init(_ id: NodeID, address: String, role: Role = .voter) {
        self.id = id
        self.address = address
        self.role = role
    }
}
