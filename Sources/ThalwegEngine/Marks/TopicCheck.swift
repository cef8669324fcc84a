import ThalwegModel

/// What became of the last mark at which a topic's state was to be looked at, on one node.
///
/// ```
///                    mark                   the walk is through
///   none or done ──────────► walking ───────────────────────────► done
///                              │ leader's number: kept              │ leader's number: compared
///                              └ and compared at the end            └
/// ```
///
/// Nodes get through at different times. The leader's number follows its mark as an entry, once it is
/// through itself; a node that is not keeps it until it is. While it walks for one mark a node passes
/// over others and compares at a later one, so it has one walk and one number at most.
enum TopicCheck {
    case none
    case walking(number: UInt64, HashWalk, leaders: UInt64?)
    case done(StateLook)

    /// A mark was applied. `true` where the state is to be looked at for it.
    var takesMark: Bool {
        if case .walking = self { return false }
        return true
    }

    mutating func begin(_ mark: LogMark, _ walk: HashWalk) {
        precondition(takesMark, "one walk at a time")
        self = .walking(number: mark.number, walk, leaders: nil)
    }

    /// The walk is through; gives the two numbers where the leader's is known and another.
    mutating func finish(_ hash: TopicHash) -> (own: UInt64, leaders: UInt64)? {
        guard case .walking(let number, _, let leaders) = self else {
            preconditionFailure("only a walk is finished")
        }
        self = .done(StateLook(number: number, hash: hash))
        guard let leaders, leaders != hash.hash else { return nil }
        return (hash.hash, leaders)
    }

    /// The leader's number was applied; as `finish`.
    mutating func hear(_ check: StateCheck) -> (own: UInt64, leaders: UInt64)? {
        switch self {
        case .walking(check.number, let walk, _):
            self = .walking(number: check.number, walk, leaders: check.hash)
            return nil
        case .done(let own) where own.number == check.number && own.hash.hash != check.hash:
            return (own.hash.hash, check.hash)
        default:
            return nil
        }
    }
}

/// What a topic's state came to at a mark, and the offset it was at there.
public struct StateLook: Hashable, Sendable {
    /// Of the mark.
    public let number: UInt64
    public let hash: TopicHash

    /// What every node compares its own with.
    public var check: StateCheck { StateCheck(number: number, hash: hash.hash) }
}
