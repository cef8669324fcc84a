public import ThalwegModel

/// Who belongs to the cluster, ascending by identity.
///
/// Invariant: it changes by one member at a time, so that any two majorities that follow one
/// another share a node.
public struct Membership: Hashable, Sendable {
    public private(set) var members: [Member]

    /// Members of a cluster; more than seven voters slow every commit and help nobody.
    public static let maximumMembers = 31
    public static let maximumVoters = 7

    public init(_ members: [Member] = []) {
        self.members = members.sorted { $0.id < $1.id }
    }

    public subscript(id: NodeID) -> Member? { members.first { $0.id == id } }

    public var voters: [NodeID] { members.filter { $0.role == .voter }.map(\.id) }
    public var isEmpty: Bool { members.isEmpty }

    func isLoneVoter(_ id: NodeID) -> Bool { voters == [id] }

    // MARK: Changes

    /// With one more learner. Throws `invalid_configuration`.
    public func adding(_ member: Member) throws(ThalwegError) -> Membership {
        guard self[member.id] == nil else {
            throw Self.refusal("node \(member.id) is a member already")
        }
        guard !members.contains(where: { $0.address == member.address }) else {
            throw Self.refusal("another member has the address \(member.address)")
        }
        return try Membership(members + [member]).checked()
    }

    /// With one member's role changed; a learner stays one until somebody promotes it. Throws `invalid_configuration`.
    public func changing(
        _ id: NodeID, to role: Member.Role
    ) throws(ThalwegError) -> Membership {
        guard var member = self[id] else { throw Self.refusal("node \(id) is no member") }
        member.role = role
        member.staysLearner = role == .learner
        return try Membership(members.filter { $0.id != id } + [member]).checked()
    }

    /// With a learner that joined as a voter. Throws `invalid_configuration`, also where it is wanted
    /// to stay a learner.
    public func admitting(_ id: NodeID) throws(ThalwegError) -> Membership {
        guard self[id]?.staysLearner != true else {
            throw Self.refusal("node \(id) was made a learner, and stays one until it is promoted")
        }
        return try changing(id, to: .voter)
    }

    /// Without one member. Throws `invalid_configuration`.
    public func removing(_ id: NodeID) throws(ThalwegError) -> Membership {
        guard self[id] != nil else { throw Self.refusal("node \(id) is no member") }
        return try Membership(members.filter { $0.id != id }).checked()
    }

    func checked() throws(ThalwegError) -> Membership {
        guard !voters.isEmpty else { throw Self.refusal("the last voter cannot go") }
        guard voters.count <= Self.maximumVoters else {
            throw .exceeded(
                .invalidConfiguration, "the number of voters", value: voters.count,
                limit: Self.maximumVoters, advice: "add it as a learner")
        }
        guard members.count <= Self.maximumMembers else {
            throw .exceeded(
                .invalidConfiguration, "the number of members", value: members.count,
                limit: Self.maximumMembers, advice: "remove one first")
        }
        for member in members {
            guard member.id != .none, member.hasPossibleAddresses else {
                throw ThalwegError(
                    .invalidConfiguration, "node \(member.id) has an impossible address",
                    advice: "give two of up to \(Member.addressBytes) bytes, without blanks")
            }
        }
        return self
    }

    private static func refusal(_ what: String) -> ThalwegError {
        ThalwegError(.invalidConfiguration, what, advice: "look at the cluster's members")
    }
}
