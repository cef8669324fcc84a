// When a client that lost its server tries the next.
extension ConnectionState {
    /// How long to wait before the next attempt; `nil` to give up. The first connection is tried
    /// once at each server, and a while longer where there is a cluster that has no leader yet.
    mutating func delayMilliseconds(
        _ approach: ServerList.Approach, _ cause: ThalwegError
    ) -> Int64? {
        let random = nextRandom()
        if cause.code == .notLeader { hasHeardFollower = true }
        let isLeaderless = hasHeardFollower
        if approach == .again { hasHeardFollower = false }
        if generation == 0 {
            guard approach != .again || (isLeaderless && failures < ConnectionState.patience) else {
                return nil
            }
        }
        switch approach {
        case .redirect: return 0
        case _ where generation > 0 && policy == .never: return nil
        case .next: return Int64(random % 20)
        // Elections take moments: whoever waits for one does not wait longer each time.
        case .again where isLeaderless: return 50 + Int64(random % 50)
        case .again: return policy.delayMilliseconds(failures: failures, random: random)
        }
    }

    /// Attempts of a first connection to a cluster without a leader.
    private static let patience = 60
}
