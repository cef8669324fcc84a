/// What can happen to the core.
public enum ConsensusEvent: Sendable {
    /// The deadline that the last outputs named has passed.
    case timeout
    /// The leader is thought to be gone before the deadline says so. A follower forgets it, and so
    /// votes for others; it stands for election itself at once if it is to.
    case leaderLost(stands: Bool)
    case received(ConsensusMessage, from: NodeID)
    /// Payloads to append; a leader only, else `not_leader`.
    case submit([Proposal])
    /// The next members; a leader only, one change at a time.
    case change(Membership)
    /// Everything up to this index is on this node's disk.
    case persisted(UInt64)
    /// The snapshot that outputs asked to install is on the disk, and the log before it is gone.
    case installed
    /// This node's own snapshot is durable; `trailing` entries before it stay in the log.
    case tookSnapshot(SnapshotPoint, trailing: Int)
    /// Hand leadership to a voter, or to the one who is furthest with `none`.
    case transfer(to: NodeID)

    /// A command that has no place yet.
    public struct Proposal: Sendable {
        public var tag: UInt32
        public var payload: [UInt8]

        public init(tag: UInt32, payload: [UInt8]) {
            self.tag = tag
            self.payload = payload
        }
    }
}
