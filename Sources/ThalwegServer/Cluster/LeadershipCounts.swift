import Synchronization
import ThalwegCluster

/// What became of leadership since the start, as this node saw it, for who looks from any thread.
final class LeadershipCounts: Sendable {
    private let leader = Mutex(NodeID.none)
    private let changeCount = Atomic<UInt64>(0)
    private let ledCount = Atomic<UInt64>(0)
    /// Another node's snapshot is taking the place of the state.
    let isRestoring = Atomic<Bool>(false)

    /// How often another node was heard to lead than before.
    var changes: UInt64 { changeCount.load(ordering: .relaxed) }
    /// How often this node began to lead.
    var led: UInt64 { ledCount.load(ordering: .relaxed) }

    func heard(of next: NodeID?) {
        guard let next else { return }
        let isOther = leader.withLock { leader in
            defer { leader = next }
            return leader != next
        }
        if isOther { changeCount.add(1, ordering: .relaxed) }
    }

    func noteLed() {
        ledCount.add(1, ordering: .relaxed)
    }
}
