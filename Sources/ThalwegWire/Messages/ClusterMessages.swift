public import ThalwegModel

/// Asks for ``ClusterInfo``. Every node answers, also one that is alone.
public struct ClusterStatusRequest: EmptyMessage {
    public static var frameType: FrameType { .clusterStatus }
    public init() {}
}

/// What a node is in its cluster.
public enum ClusterRole: UInt8, Hashable, Sendable, CaseIterable {
    /// It is no member of any.
    case alone = 0
    /// Keeps the log and has no say.
    case learner = 1
    case follower = 2
    /// Asks to be elected.
    case candidate = 3
    case leader = 4

    public var name: String { "\(self)" }
}

/// A cluster as one of its nodes knows it.
///
/// `u64 cluster | u64 node | u8 role | u64 term | u64 leader (0 none) | u64 committed |`
/// `u64 applied | u64 last | u8 count | member × count`
public struct ClusterInfo: Message {
    public static var frameType: FrameType { .clusterInfo }
    /// As many as a cluster has at most.
    public static let maximumMembers = 31

    /// A member as the node that was asked knows it.
    ///
    /// `u64 node | u8 role (0 learner, 1 voter) | text address for nodes |`
    /// `text address for clients | u8 has match | u64 match`
    public struct Member: Hashable, Sendable {
        public var node: UInt64
        public var isVoter: Bool
        /// Where the other nodes reach it.
        public var address: String
        /// Where clients reach it.
        public var clientAddress: String
        /// Up to where it has the log's entries on its disk, if this node knows: it leads then.
        public var matchIndex: UInt64?

        public init(
            node: UInt64, isVoter: Bool, address: String, clientAddress: String,
            matchIndex: UInt64? = nil
        ) {
            self.node = node
            self.isVoter = isVoter
            self.address = address
            self.clientAddress = clientAddress
            self.matchIndex = matchIndex
        }
    }

    /// The cluster's number; 0 for a node alone.
    public var cluster: UInt64
    /// The node that answers; 0 for one alone.
    public var node: UInt64
    public var role: ClusterRole
    public var term: UInt64
    /// Who leads as far as this node knows, 0 for nobody.
    public var leader: UInt64
    /// Indices of entries of the log: the last that is committed, applied, appended.
    public var committedIndex: UInt64
    public var appliedIndex: UInt64
    public var lastIndex: UInt64
    /// Ascending by node; none where the node was not let in yet.
    public var members: [Member]

    public init(
        cluster: UInt64, node: UInt64, role: ClusterRole, term: UInt64, leader: UInt64,
        committedIndex: UInt64, appliedIndex: UInt64, lastIndex: UInt64, members: [Member]
    ) {
        self.cluster = cluster
        self.node = node
        self.role = role
        self.term = term
        self.leader = leader
        self.committedIndex = committedIndex
        self.appliedIndex = appliedIndex
        self.lastIndex = lastIndex
        self.members = members
    }

    /// What a node that is no member of a cluster answers.
    public static func alone(
        committedIndex: UInt64, appliedIndex: UInt64, lastIndex: UInt64
    ) -> ClusterInfo {
        ClusterInfo(
            cluster: 0, node: 0, role: .alone, term: 0, leader: 0, committedIndex: committedIndex,
            appliedIndex: appliedIndex, lastIndex: lastIndex, members: [])
    }

    public func check() throws(ThalwegError) {
        guard members.count <= Self.maximumMembers else {
            throw .exceeded(
                .invalidFrame, "the number of members", value: members.count,
                limit: Self.maximumMembers, advice: "report fewer")
        }
        let isAlone = role == .alone
        guard (cluster == 0) == isAlone, (node == 0) == isAlone,
            !isAlone || term == 0 && leader == 0 && members.isEmpty
        else { throw ThalwegError(.invalidFrame, "a node alone is in no cluster, others are") }
        guard zip(members, members.dropFirst()).allSatisfy({ $0.node < $1.node }),
            members.first?.node != 0
        else { throw ThalwegError(.invalidFrame, "members ascend by node, from 1 on") }
        for member in members {
            try checkAddress(member.address, "a member's address for nodes", isNeeded: true)
            try checkAddress(member.clientAddress, "a member's address for clients")
        }
    }

    public func encode(into writer: inout ByteWriter) {
        writer.integer(cluster)
        writer.integer(node)
        writer.integer(role.rawValue)
        writer.integer(term)
        writer.integer(leader)
        writer.integer(committedIndex)
        writer.integer(appliedIndex)
        writer.integer(lastIndex)
        writer.integer(UInt8(members.count))
        for member in members {
            writer.integer(member.node)
            writer.flag(member.isVoter)
            writer.text(member.address)
            writer.text(member.clientAddress)
            writer.flag(member.matchIndex != nil)
            writer.integer(member.matchIndex ?? 0)
        }
    }

    public init(from reader: inout ByteReader) throws(ThalwegError) {
        cluster = try reader.integer()
        node = try reader.integer()
        role = try reader.choice(ClusterRole.self, "a node's role")
        term = try reader.integer()
        leader = try reader.integer()
        committedIndex = try reader.integer()
        appliedIndex = try reader.integer()
        lastIndex = try reader.integer()
        members = []
        for _ in 0..<(try reader.integer(UInt8.self)) { members.append(try Member(from: &reader)) }
        try reader.finish()
        try check()
    }
}

extension ClusterInfo.Member {
    init(from reader: inout ByteReader) throws(ThalwegError) {
        node = try reader.integer()
        isVoter = try reader.flag("a member's role")
        address = try reader.text()
        clientAddress = try reader.text()
        let hasMatch = try reader.flag("the mark of a match")
        let match = try reader.integer(UInt64.self)
        guard hasMatch || match == 0 else {
            throw ThalwegError(.invalidFrame, "a member without a match has one")
        }
        matchIndex = hasMatch ? match : nil
    }
}

/// Asks for a change of the cluster, answered by ``Okay`` when it is done.
///
/// `u8 action | u64 node | text address for nodes | text address for clients`
public struct ChangeMembers: Message {
    public static var frameType: FrameType { .changeMembers }

    public enum Action: Hashable, Sendable {
        /// 1: the node becomes a learner and catches up.
        case add(node: UInt64, address: String, clientAddress: String)
        /// 2: the learner votes from now on.
        case promote(node: UInt64)
        /// 3: the voter becomes a learner.
        case demote(node: UInt64)
        /// 4: the node is no member any more, for ever.
        case remove(node: UInt64)
        /// 5: leadership goes to this voter; nil for the one who is furthest.
        case transfer(node: UInt64?)
        /// 6: the node that is asked takes a snapshot now.
        case snapshot
        /// 7: as 2, asked by the learner itself; refused where it was made a learner on purpose.
        case admit(node: UInt64)
    }

    public var action: Action

    public init(_ action: Action) {
        self.action = action
    }

    private var parts: (kind: UInt8, node: UInt64, address: String, clientAddress: String) {
        switch action {
        case .add(let node, let address, let clientAddress): (1, node, address, clientAddress)
        case .promote(let node): (2, node, "", "")
        case .demote(let node): (3, node, "", "")
        case .remove(let node): (4, node, "", "")
        case .transfer(let node): (5, node ?? 0, "", "")
        case .snapshot: (6, 0, "", "")
        case .admit(let node): (7, node, "", "")
        }
    }

    public func check() throws(ThalwegError) {
        let parts = parts
        if parts.kind == 1 {
            try checkAddress(parts.address, "the address for nodes", isNeeded: true)
            try checkAddress(parts.clientAddress, "the address for clients", isNeeded: true)
        }
        let needsNode = parts.kind <= 4 || parts.kind == 7
        guard !needsNode || parts.node != 0, action != .transfer(node: 0) else {
            throw ThalwegError(.invalidFrame, "node 0 is nobody")
        }
    }

    public func encode(into writer: inout ByteWriter) {
        let parts = parts
        writer.integer(parts.kind)
        writer.integer(parts.node)
        writer.text(parts.address)
        writer.text(parts.clientAddress)
    }

    public init(from reader: inout ByteReader) throws(ThalwegError) {
        let kind = try reader.integer(UInt8.self)
        let node = try reader.integer(UInt64.self)
        let address = try reader.text()
        let clientAddress = try reader.text()
        try reader.finish()
        switch (kind, node, address, clientAddress) {
        case (1, 1..., _, _):
            action = .add(node: node, address: address, clientAddress: clientAddress)
        case (2, 1..., "", ""): action = .promote(node: node)
        case (3, 1..., "", ""): action = .demote(node: node)
        case (4, 1..., "", ""): action = .remove(node: node)
        case (5, _, "", ""): action = .transfer(node: node == 0 ? nil : node)
        case (6, 0, "", ""): action = .snapshot
        case (7, 1..., "", ""): action = .admit(node: node)
        default:
            throw ThalwegError(
                .invalidFrame, "action \(kind) of node \(node) is no change of a cluster")
        }
        try check()
    }
}

/// Throws where a text cannot be a node's address: 1 to 255 bytes, no blank or control character.
private func checkAddress(
    _ text: String, _ what: String, isNeeded: Bool = false
) throws(ThalwegError) {
    guard text.utf8.count <= ErrorMessage.maximumAddressBytes else {
        throw .exceeded(
            .invalidFrame, "the length of \(what) in bytes", value: text.utf8.count,
            limit: ErrorMessage.maximumAddressBytes, advice: "shorten it")
    }
    guard !isNeeded || !text.isEmpty, text.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7f }) else {
        throw ThalwegError(
            .invalidFrame, "\(what) is empty or has a blank or a control character",
            advice: "give host:port")
    }
}
