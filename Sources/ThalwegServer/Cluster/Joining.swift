import Logging
import ThalwegCluster
import ThalwegModel
import ThalwegTLS
import ThalwegWire

/// How a node that was let into a cluster becomes a member of it: it asks the leader to add it as a
/// learner, and, when it has caught up, to let it vote. Whatever fails is tried again until the node
/// stops; where it stands is in its directory, so a crash loses no step and makes none twice.
struct Joining: Sendable {
    private static let pause = Duration.milliseconds(200)
    /// After a refusal that does not pass by itself.
    private static let longPause = Duration.seconds(5)

    let directory: String
    /// How the others' listeners for clients are spoken to; nil for plain text.
    let tls: TLSOpening?
    /// This node among the members, as its own log knows.
    let own: @Sendable () -> Member?
    let logger: Logger

    /// Returns when the node is what it should be, or is no member any more, or is cancelled.
    func run(_ start: ClusterFile) async {
        var file = start
        var known = file.through
        var reported: ThalwegError?
        while !Task.isCancelled, file.state != .member {
            var pause = Self.pause
            do throws(ThalwegError) {
                let before = file
                try await step(&file, &known)
                // The directory is another's once the node has stopped.
                if Task.isCancelled { return }
                if file != before { try file.save(to: directory) }
                if file.state == .member { return }
            } catch {
                if error.code == .removedFromCluster {
                    return logger.critical("not a member", metadata: ["reason": "\(error)"])
                }
                let isPassing = [.membershipBusy, .notLeader, .timedOut].contains(error.code)
                if !isPassing { pause = Self.longPause }
                if reported != error, error.code != .membershipBusy {
                    logger.warning("not let in yet", metadata: ["reason": "\(error)"])
                }
                reported = error
            }
            // Cancelled: the condition of the loop sees it.
            try? await Task.sleep(for: pause)
        }
    }

    /// One look at the cluster, and one request if there is something to ask for.
    private func step(
        _ file: inout ClusterFile, _ known: inout [String]
    ) async throws(ThalwegError) {
        let info = try await ClusterCall.status(of: known, tls)
        guard info.cluster == file.cluster else {
            throw ThalwegError(
                .invalidConfiguration,
                "\(known.joined(separator: ", ")) belongs to cluster "
                    + "\(String(info.cluster, radix: 16)), this node to "
                    + String(file.cluster, radix: 16),
                advice: "check the addresses")
        }
        for member in info.members
        where !member.clientAddress.isEmpty && !known.contains(member.clientAddress)
            && member.node != file.node.rawValue
        {
            known.append(member.clientAddress)
        }
        // One address has one node, and a voter that does not come back only holds up the others.
        for old in file.replaces where info.members.contains(where: { $0.node == old.rawValue }) {
            try await change(.remove(node: old.rawValue), info, known)
            return logger.info("removed", metadata: ["node": "\(old)"])
        }
        let own = info.members.first { $0.node == file.node.rawValue }
        switch (file.state, own) {
        case (.joining, nil):
            try await change(
                .add(
                    node: file.node.rawValue, address: file.address,
                    clientAddress: file.clientAddress), info, known)
            logger.info("added as a learner", metadata: ["node": "\(file.node)"])
            file.state = .catchingUp
        case (.joining, .some): file.state = .catchingUp
        case (_, nil):
            throw ThalwegError(
                .removedFromCluster, "node \(file.node) is no member any more",
                advice: "join with an empty directory: it is another node then")
        case (_, let own?) where own.isVoter || file.staysLearner:
            logger.info("a member", metadata: ["role": own.isVoter ? "voter" : "learner"])
            file.state = .member
            file.replaces = []
        case (_, .some) where self.own()?.staysLearner == true:
            logger.info("a member", metadata: ["role": "learner, as it was demoted"])
            file.state = .member
            file.staysLearner = true
            file.replaces = []
        case (_, .some):
            try await change(.admit(node: file.node.rawValue), info, known)
        }
    }

    /// Asks who leads, and whom a node that does not names.
    private func change(
        _ action: ChangeMembers.Action, _ info: ClusterInfo, _ known: [String]
    ) async throws(ThalwegError) {
        let leader = info.members.first { $0.node == info.leader }?.clientAddress ?? ""
        let first = leader.isEmpty ? known[0] : leader
        do throws(ThalwegError) {
            _ = try await ClusterCall.ask(first, ChangeMembers(action), Okay.self, tls)
        } catch {
            guard error.code == .notLeader, let address = error.address, address != first else {
                throw error
            }
            _ = try await ClusterCall.ask(address, ChangeMembers(action), Okay.self, tls)
        }
    }
}
