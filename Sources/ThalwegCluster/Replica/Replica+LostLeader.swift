// A follower whose leader's process ended hears of it by the end of its connection, long before its
// election timer would say so.
//
//             its connection ended                its turn comes, and its disk has all
//   follows ─────────────────────────▶ has lost ───────────────────────────────────────▶ stands
//      ▲                                  │
//      └──────────────────────────────────┘
//        the leader is heard, there is another one, or the election timer was first
//
// Who has lost its leader gives its (pre-)vote to whoever stands; others refuse as long as they hear
// the leader. So one connection that breaks replaces nobody: that takes a majority that lost it, and
// that did not hear of it for two heartbeats, in which a leader that lives connects again.
//
// Turns are by identity, half a heartbeat apart, so that no two stand at once and split the votes.
package import ThalwegModel

struct LostLeader {
    let leader: NodeID
    /// When this node stands for election; `nil` if it has no vote or had its turn.
    var standsAt: UInt64?
}

extension Replica {
    /// The connection over which `peer` was heard ended, and there is no other.
    package func lost(_ peer: NodeID, _ now: UInt64) throws(ThalwegError) {
        time = max(time, now)
        if core.role == .follower, peer == core.leader, lostLeader == nil {
            lostLeader = LostLeader(leader: peer, standsAt: firstTurn(without: peer))
        }
        refreshDeadline()
    }

    /// When this node is to stand, unless it waits for its disk: what is on its way there cannot be
    /// voted for, and the core would wait a whole timeout more.
    var turn: UInt64? {
        guard durableIndex == core.lastIndex, core.installingPoint == nil else { return nil }
        return lostLeader?.standsAt
    }

    func standInTurn() throws(ThalwegError) {
        guard let turn, time >= turn else { return }
        lostLeader?.standsAt = nil
        try step(.leaderLost(stands: true))
    }

    private func firstTurn(without leader: NodeID) -> UInt64? {
        let voters = core.membership.voters.filter { $0 != leader }.sorted()
        guard let rank = voters.firstIndex(of: id) else { return nil }
        let heartbeat = UInt64(options.consensus.heartbeatMilliseconds)
        return time + 2 * heartbeat + UInt64(rank) * max(heartbeat / 2, 1)
    }
}
