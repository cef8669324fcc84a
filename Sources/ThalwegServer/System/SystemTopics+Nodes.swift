// `thalweg.nodes`: who belongs to the cluster, and how each of them is.
//
//   the leader     where it stands ──► each other node's own STATUS, all at once ──► a row for each
//   another node   counts the topic's records at the leader, as any client could, which makes that
//                  one look; what was written for it is awaited here
import Logging
import NIOCore
import Synchronization
import ThalwegCluster
import ThalwegModel
import ThalwegTLS
import ThalwegWire

/// What a node said of itself.
struct NodeTold: Sendable {
    var version = ""
    var commitIndex: UInt64 = 0
    var appliedIndex: UInt64 = 0

    init() {}

    init(_ answer: ClusterCall.Answer<StatusInfo>) {
        version = answer.serverVersion
        commitIndex = answer.reply["commit_index"] ?? 0
        appliedIndex = answer.reply["applied_index"] ?? 0
    }
}

extension SystemTopics {
    /// How long a node is waited for: readers wait as long.
    private static let patience = TimeAmount.seconds(1)

    // MARK: On the leader

    func gatherNodes() {
        guard let log = node.replicatedLog else { return write(.nodes, [aloneRow()]) }
        log.standing { [self] result in
            node.catalog.loop.execute { [self] in
                do throws(ThalwegError) {
                    askNodes(try result.get(), log)
                } catch {
                    refreshed(.nodes, error)
                }
            }
        }
    }

    private func askNodes(_ standing: ReplicaStanding, _ log: ReplicatedLog) {
        let others = standing.membership.members.filter { member in
            member.id != log.id && !member.clientAddress.isEmpty
        }
        let calls = node.options.cluster?.calls
        Task {
            let answers = await withTaskGroup(of: (NodeID, NodeTold?).self) { tasks in
                for member in others {
                    tasks.addTask { (member.id, await Self.ask(member, calls)) }
                }
                return await tasks.reduce(into: [NodeID: NodeTold]()) { $0[$1.0] = $1.1 }
            }
            node.catalog.loop.execute { [self] in
                for (id, answer) in answers { told[id] = answer }
                write(
                    .nodes,
                    standing.membership.members.map { row($0, standing, own: log.id) })
            }
        }
    }

    /// `nil` where it does not answer: what it said before stays.
    private static func ask(_ member: Member, _ calls: TLSOpening?) async -> NodeTold? {
        do throws(ThalwegError) {
            return NodeTold(
                try await ClusterCall.call(
                    member.clientAddress, StatusRequest(), StatusInfo.self, calls,
                    within: patience))
        } catch {
            return nil
        }
    }

    private func row(_ member: Member, _ standing: ReplicaStanding, own: NodeID) -> Row {
        let isOwn = member.id == own
        let told = told[member.id] ?? NodeTold()
        let disk = standing.matchIndices[member.id] ?? 0
        let applied = isOwn ? standing.deliveredIndex : told.appliedIndex
        // What it has on its disk and knows to be committed it is about to apply.
        let reached = isOwn ? applied : max(applied, min(disk, standing.commitIndex))
        let lag = standing.commitIndex - min(reached, standing.commitIndex)
        let silence = standing.silences[member.id]
        let state =
            isOwn
            ? PeerState.serving
            : PeerState(
                silence: silence, lag: lag, unreachableAfter: node.unreachableMilliseconds)
        let role = member.role == .voter ? "voter" : "learner"
        let version = isOwn ? serverVersion : told.version
        let commit = isOwn ? standing.commitIndex : told.commitIndex
        var heard = Value.null
        if let silence = isOwn ? 0 : silence { heard = Self.secondsAgo(milliseconds: silence) }
        var values: [Value] = [.string(isOwn ? "leader" : role), .string(state.rawValue)]
        values += [SystemTopic.cut(member.address), SystemTopic.cut(member.clientAddress)]
        values += [SystemTopic.cut(version), .unsigned(commit), .unsigned(applied)]
        values += [.unsigned(disk), .unsigned(lag), heard]
        return Row(key: Self.key("\(member.id)"), values: values)
    }

    /// In whole seconds.
    private static func secondsAgo(milliseconds: UInt64) -> Value {
        let time = Timestamp.now.microseconds - Int64(clamping: milliseconds) * 1_000
        return .signed(time / 1_000_000 * 1_000_000)
    }

    private func aloneRow() -> Row {
        let durable = node.log.durableIndex
        return Row(
            key: Self.key("\(NodeID.none)"),
            values: [
                .string("alone"), .string("serving"), .string(""),
                SystemTopic.cut(node.options.listen.first ?? ""), SystemTopic.cut(serverVersion),
                .unsigned(durable), .unsigned(durable), .unsigned(durable), .unsigned(0),
                Self.secondsAgo(milliseconds: 0),
            ])
    }

    private static func key(_ name: String) -> [UInt8] {
        [UInt8(name.utf8.count)] + Array(name.utf8)
    }

    // MARK: On the others

    /// Has the leader look, and waits until what it wrote is here. A leader that cannot be asked
    /// does not keep anybody from reading what there is.
    func askLeader(for topic: SystemTopic) {
        guard case .follows(let leader?) = node.catalog.leadership, !leader.clientAddress.isEmpty
        else { return refreshed(topic, nil) }
        let id = id(topic)
        let calls = node.options.cluster?.calls
        Task {
            var written = Offset.start
            var failure: ThalwegError?
            do throws(ThalwegError) {
                written = try await ClusterCall.call(
                    leader.clientAddress, CountRequest(id), Counted.self, calls,
                    within: Self.patience
                ).reply.applied
            } catch {
                failure = error
            }
            let (reached, problem) = (written, failure)
            let partition = node.partition(id)
            partition.loop.execute { [self] in
                partition.whenApplied(reached, of: id) { [self] error in
                    node.catalog.loop.execute { [self] in refreshed(topic, problem ?? error) }
                }
            }
        }
    }
}
