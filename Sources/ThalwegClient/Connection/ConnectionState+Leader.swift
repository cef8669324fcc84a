// A cluster's leader changes. `not_leader` is a firm no: the request was not carried out, and goes
// out again at the node that leads. `not_committed` is a maybe: only a numbered write may go out
// again, because the session tells the next leader what it has seen.
extension ConnectionState {
    /// Where the leader is, if the error tells.
    static func leader(_ error: ThalwegError) -> ServerAddress? {
        guard error.code == .notLeader, let address = error.address else { return nil }
        // A node whose address cannot be read is found by trying the others.
        return try? ServerAddress(address)
    }

    /// Takes back a request that another node is to answer; `nil` where the error is for the caller.
    mutating func returned(_ id: UInt32, _ error: ThalwegError) -> [ConnectionAction]? {
        guard let pending = requests[id], pending.isSent else { return nil }
        switch error.code {
        case .notLeader: break
        case .notCommitted where pending.lastNumber > 0 || pending.request.kind == .repeatable:
            break
        // Another node may be further. When all have been asked it is the caller's to decide.
        case .notYet
        where pending.request.kind == .repeatable && pending.notYet + 1 < servers.count:
            requests[id]?.notYet += 1
        default: return nil
        }
        // A client that does not come back goes where it is told, and does not search.
        guard policy != .never || ConnectionState.leader(error) != nil else { return nil }
        requests[id]?.isReturned = true
        inFlight -= 1
        leave(error)
        return goIfAnswered()
    }

    /// Goes where the leader is once nothing that was sent is unanswered.
    mutating func goIfAnswered() -> [ConnectionAction] {
        guard let leaving, phase == .ready, inFlight == 0 else { return [] }
        return lost(leaving)
    }

    /// The node does not lead: the client goes as soon as everything it sent is answered.
    mutating func leave(_ error: ThalwegError) {
        if leaving == nil { leavingSinceTick = tickCount }
        leaving = error
    }

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
