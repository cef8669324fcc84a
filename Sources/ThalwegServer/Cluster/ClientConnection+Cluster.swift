import NIOCore
import ThalwegLog
import ThalwegModel
import ThalwegWire

// What clients ask about the cluster. This node is none's member.

extension ClientConnection {
    func clusterStatus(_ requestID: UInt32) {
        let statistics = node.log.statistics
        answer(
            ClusterInfo.alone(
                committedIndex: statistics.durableIndex, appliedIndex: statistics.durableIndex,
                lastIndex: statistics.lastIndex),
            requestID)
    }

    func changeMembers(
        _ action: ChangeMembers.Action, _ requestID: UInt32
    ) throws(ThalwegError) {
        throw ThalwegError(
            .notSupported, "this node is no member of a cluster",
            advice: "ask a node that is; see docs/cluster.md")
    }
}
