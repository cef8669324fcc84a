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
    /// Where clients reach it, at most 255 bytes; empty where nobody said.
    public var clientAddress: String
    public var role: Role
    /// A learner that somebody wants to be one: it does not become a voter by having caught up.
    public var staysLearner = false

    public init(
        _ id: NodeID, address: String, clientAddress: String = "", role: Role = .voter,
        staysLearner: Bool = false
    ) {
        self.staysLearner = staysLearner
        self.id = id
        self.address = address
        self.clientAddress = clientAddress
        self.role = role
    }
    // MARK: What the core need not know, as one text

    // C-Raft's members have one address each, which it keeps and never looks at.

    static let addressBytes = 255

    /// "address", "address client-address", or one of them with " learner" behind it, where "-" stands
    /// for no client address.
    var addresses: String {
        guard !staysLearner else {
            return "\(address) \(clientAddress.isEmpty ? "-" : clientAddress) learner"
        }
        return clientAddress.isEmpty ? address : "\(address) \(clientAddress)"
    }

    /// Nil for what `addresses` never gives.
    init?(_ id: NodeID, addresses: String, role: Role) {
        let parts = addresses.split(separator: " ", omittingEmptySubsequences: false)
        guard (1...3).contains(parts.count), !parts.contains(""),
            parts.count < 3 || parts[2] == "learner"
        else { return nil }
        let clientAddress = parts.count > 1 && parts[1] != "-" ? String(parts[1]) : ""
        self.init(
            id, address: String(parts[0]), clientAddress: clientAddress, role: role,
            staysLearner: parts.count == 3)
    }

    /// Whether both addresses can travel as one text.
    public var hasPossibleAddresses: Bool {
        !address.isEmpty
            && [address, clientAddress].allSatisfy {
                $0.utf8.count <= Self.addressBytes && $0.utf8.allSatisfy { $0 > 0x20 && $0 != 0x7f }
            }
    }
}
