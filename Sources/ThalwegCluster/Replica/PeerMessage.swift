/// What nodes of a cluster send one another. Any message may be lost.
public enum PeerMessage: Sendable, Hashable {
    case consensus(ConsensusMessage)
    case piece(SnapshotPiece)
    /// "Of the snapshot at `index` I have the first `offset` bytes": asks for what follows.
    case wanted(index: UInt64, offset: UInt64)
    /// "You are no member any more, as of this entry."
    case removed(membershipIndex: UInt64)
}

/// A part of a leader's snapshot, one block of it.
public struct SnapshotPiece: Sendable, Hashable {
    /// The leader's term.
    public var term: UInt64
    public var point: SnapshotPoint
    /// How many bytes of the state came before.
    public var offset: UInt64
    public var bytes: [UInt8]
    public var isLast: Bool

    public init(
        term: UInt64, point: SnapshotPoint, offset: UInt64, bytes: [UInt8], isLast: Bool
    ) {
        self.term = term
        self.point = point
        self.offset = offset
        self.bytes = bytes
        self.isLast = isLast
    }
}
