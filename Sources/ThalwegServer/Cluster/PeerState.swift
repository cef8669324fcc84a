import ThalwegCluster

/// How another node is, as the one that leads sees it.
enum PeerState: String, CaseIterable, Sendable {
    case serving
    case catchingUp = "catching up"
    case unreachable

    /// A node that lags no more than so many entries is as good as up to date.
    static let smallLag: UInt64 = 1_000

    /// - Parameters:
    ///   - silence: milliseconds since it was heard; `nil` where it never was.
    ///   - lag: committed entries that it does not have.
    ///   - limit: milliseconds of silence after which it cannot be reached.
    init(silence: UInt64?, lag: UInt64, unreachableAfter limit: UInt64) {
        if let silence, silence <= limit {
            self = lag > PeerState.smallLag ? .catchingUp : .serving
        } else {
            self = .unreachable
        }
    }
}

extension Node {
    /// After so many milliseconds without a word a node counts as gone.
    var unreachableMilliseconds: UInt64 {
        2 * UInt64(options.cluster?.replica.consensus.electionMilliseconds ?? 0)
    }
}
