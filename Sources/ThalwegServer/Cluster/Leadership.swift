import ThalwegCluster
import ThalwegModel

/// Which part a node plays, as one of its loops knows it. Every loop hears of a change in its turn
/// among the committed entries, so what a loop does for one leadership is never taken for another.
///
///     follows ──leads(term)──► leads ──follows──► follows
///                                │
///             what is merged, sealed or waited for is let go: `not_committed`
enum Leadership: Sendable, CustomStringConvertible {
    /// Writes are taken and appended in this term. A node that stands alone leads for ever.
    case leads(term: UInt64)
    /// Another node takes writes, if one is known.
    case follows(Member?)
    /// Nobody leads: this node would, and its disk has no room to begin.
    case lacksRoom

    var description: String {
        switch self {
        case .leads(let term): "leads in term \(term)"
        case .follows(nil): "follows nobody that is known"
        case .follows(let leader?): "follows node \(leader.id)"
        case .lacksRoom: "nobody, for want of room on the disk"
        }
    }

    /// The term to append in; `nil` while writes belong elsewhere.
    var term: UInt64? {
        switch self {
        case .leads(let term): term
        case .follows, .lacksRoom: nil
        }
    }

    /// Why this node takes no writes, and who does; `nil` where it does.
    var refusal: ThalwegError? {
        switch self {
        case .leads: nil
        case .follows(let leader): Leadership.refusal(leader)
        case .lacksRoom: Leadership.noRoom
        }
    }

    /// `not_leader`, with the address to go to.
    static func refusal(_ leader: Member?) -> ThalwegError {
        guard let leader else {
            return ThalwegError(
                .notLeader, "this node does not lead, and it does not know who does",
                advice: "try again soon, here or at another node")
        }
        return ThalwegError(
            .notLeader, "this node does not lead, node \(leader.id) does",
            advice: "go there; this node serves reads",
            address: leader.clientAddress.isEmpty ? nil : leader.clientAddress)
    }

    private static var noRoom: ThalwegError {
        ThalwegError(
            .diskFull, "no node can lead: the disks have no room for the log",
            advice:
                "make room on most of the nodes; writes go on by themselves, and reads are served "
                + "meanwhile")
    }

    /// For what comes while a leader hands over: whoever leads next will take it.
    static var handingOver: ThalwegError {
        ThalwegError(
            .notLeader, "this node hands leadership over",
            advice: "try again at once, here or at another node; this was not carried out")
    }

    /// For what was under way when a node ceased to lead.
    static var notCommitted: ThalwegError {
        ThalwegError(
            .notCommitted, "this node ceased to lead before it knew what became of this",
            advice: "it may come into force or not: read, or ask the node that leads again; "
                + "a session's numbered writes are never applied twice")
    }
}
