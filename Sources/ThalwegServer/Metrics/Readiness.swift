import Synchronization
import ThalwegCluster
import ThalwegModel

/// Whether clients are served here, and if not, why: what `/readyz` says.
enum Readiness: Sendable {
    case ready
    /// The state is brought back from the disk.
    case starting
    /// Another node's snapshot takes the place of the state.
    case restoring
    /// The server ends.
    case stopping
    /// Milliseconds since a leader was heard, where one was.
    case noLeader(silence: UInt64?)
    /// So many committed entries are not applied here.
    case behind(UInt64)
    /// The log can go on no more, or this node's state is not the leader's.
    case failed(ThalwegError)

    var isReady: Bool {
        if case .ready = self { true } else { false }
    }

    /// Stable: scripts may look at it.
    var code: String {
        switch self {
        case .ready: "ready"
        case .starting: "starting"
        case .restoring: "restoring"
        case .stopping: "stopping"
        case .noLeader: "no_leader"
        case .behind: "behind"
        case .failed(let error): error.code.name
        }
    }

    /// One line: the code, and for people what it means.
    var line: String {
        let reason: String
        switch self {
        case .ready: return code
        case .starting: reason = "the state is brought back from the disk"
        case .restoring: reason = "another node's snapshot takes the place of the state"
        case .stopping: reason = "the server ends"
        case .noLeader(nil): reason = "no leader was heard of yet"
        case .noLeader(let silence?):
            reason = "nobody is known to lead; a leader was heard last \(silence) ms ago"
        case .behind(let lag):
            reason = "\(lag) committed entries are not applied here, \(PeerState.smallLag) may be"
        case .failed(let error): reason = error.message
        }
        return "\(code): \(reason.replacing("\n", with: " "))"
    }

    /// The state that metrics tell; `serving` and `catching up` as `thalweg.nodes` has them.
    var state: String {
        switch self {
        case .ready: PeerState.serving.rawValue
        case .behind: PeerState.catchingUp.rawValue
        case .noLeader: "no leader"
        case .failed: "failed"
        case .starting, .restoring, .stopping: code
        }
    }

    static let states = [
        "starting", "restoring", PeerState.serving.rawValue, PeerState.catchingUp.rawValue,
        "no leader", "stopping", "failed",
    ]
}

extension Node {
    /// Whether this node serves, as far as it knows itself.
    var readiness: Readiness {
        if let reason = unserved.withLock({ $0 }) { return .failed(reason) }
        guard let log = replicatedLog else { return .ready }
        if leaderships.isRestoring.load(ordering: .relaxed) { return .restoring }
        let progress = log.progress
        let silence = progress.millisecondsSinceLeader
        guard progress.leader != .none, let silence, silence <= unreachableMilliseconds else {
            return .noLeader(silence: silence)
        }
        return progress.lag > PeerState.smallLag ? .behind(progress.lag) : .ready
    }
}
