#if !THALWEG_RAFT
// The core of a build without C-Raft: everything else of the product works, and whoever asks for a
// cluster is told what to do. See `Package.swift`, which looks for the library.
public import ThalwegModel

public final class ConsensusCore {
    /// Whether this build has the library that agreement needs.
    public static let isAvailable = false

    public let id: NodeID
    public let committedMembership: (index: UInt64, members: Membership) = (0, Membership())
    public var capacity: UInt16 = 0
    public let firstOutputs = ConsensusOutputs()

    /// Throws `not_supported`.
    public init(
        id: NodeID, recovered: Recovered, options: ConsensusOptions, time: UInt64
    ) throws(ThalwegError) {
        self.id = id
        throw Self.absence()
    }

    public var role: ConsensusRole { .follower }
    public var term: UInt64 { 0 }
    public var leader: NodeID { .none }
    public var commitIndex: UInt64 { 0 }
    public var lastIndex: UInt64 { 0 }
    public var installingPoint: SnapshotPoint? { nil }
    public var membership: Membership { Membership() }
    public var isMembershipPending: Bool { false }
    public var isTransferring: Bool { false }

    public func term(at index: UInt64) -> UInt64 { 0 }
    public func matchIndex(_ id: NodeID) -> UInt64? { nil }

    /// Throws `not_supported`.
    public func step(
        _ event: ConsensusEvent, time now: UInt64
    ) throws(ThalwegError) -> ConsensusOutputs {
        throw Self.absence()
    }

    private static func absence() -> ThalwegError {
        ThalwegError(
            .notSupported, "this program was built without C-Raft, which clusters need",
            advice: "run scripts/get-raft.sh and build again; a single node needs none of it")
    }
}
#endif
