import ThalwegLog

/// How far a node is, for anybody to look at any time: as of the last turn of its log's thread.
public struct ReplicaProgress: Sendable, Hashable {
    /// The last entry that this node knows to be committed; a follower hears of it from the leader.
    public var commitIndex: UInt64 = 0
    /// Entries up to here were given out to be applied.
    public var deliveredIndex: UInt64 = 0
    /// Who leads, as far as known.
    public var leader = NodeID.none
    /// Milliseconds since the leader was heard; 0 on the leader itself, `nil` where nobody was heard.
    public var millisecondsSinceLeader: UInt64?

    /// The disk has no room for the log.
    public var isDiskFull = false
    /// Nobody leads because this node, whose turn it would be, has no room.
    public var isRoomless = false

    /// Entries that are known to be committed and not given out.
    public var lag: UInt64 { commitIndex - min(deliveredIndex, commitIndex) }
}

extension ReplicatedLog {
    public var progress: ReplicaProgress {
        let (progress, heardAt) = inbox.withLock { ($0.progress, $0.leaderHeardAt) }
        var known = progress
        if known.leader == id {
            known.millisecondsSinceLeader = 0
        } else if let heardAt {
            let now = clock()
            known.millisecondsSinceLeader = now - min(heardAt, now)
        }
        return known
    }
}
