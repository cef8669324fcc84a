import ArgumentParser
import ThalwegClient
import ThalwegModel

struct ClusterPromote: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "promote", abstract: "Let a learner vote, once it has caught up.")

    @OptionGroup var access: ServerAccess
    @Argument(help: "The node, as 'cluster status' prints it.") var node: NodeNumber

    func run() async throws {
        try await access.change(.promote(node: node.value))
        access.report("node \(ClusterText.node(node.value)) votes")
    }
}

struct ClusterDemote: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demote", abstract: "Make a voter a learner.")

    @OptionGroup var access: ServerAccess
    @Argument(help: "The node, as 'cluster status' prints it.") var node: NodeNumber

    func run() async throws {
        try await access.handOver(from: node)
        try await access.change(.demote(node: node.value))
        access.report("node \(ClusterText.node(node.value)) is a learner")
    }
}

struct ClusterRemove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove", abstract: "Remove a node for ever.",
        discussion: """
            It may run or be lost. If it leads, leadership is handed over first. What it held is no member's \
            any more: to come back it joins with an empty directory.
            """)

    @OptionGroup var access: ServerAccess
    @Argument(help: "The node, as 'cluster status' prints it.") var node: NodeNumber

    func run() async throws {
        try await access.handOver(from: node)
        try await access.change(.remove(node: node.value))
        access.report("node \(ClusterText.node(node.value)) is removed")
    }
}

struct ClusterReplace: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replace", abstract: "Put a node that joined in the place of another.",
        discussion: """
            Waits until the new node has caught up, lets it vote, and removes the old one, which may be lost.
            """)

    @OptionGroup var access: ServerAccess
    @Argument(help: "The node to remove.") var old: NodeNumber
    @Argument(help: "The node that joined ('thalweg cluster join').") var new: NodeNumber

    func run() async throws {
        let info = try await access.clusterStatus()
        guard let member = info.members.first(where: { $0.node == new.value }) else {
            throw ThalwegError(
                .invalidConfiguration, "node \(ClusterText.node(new.value)) is no member",
                advice: "join it first: thalweg cluster join, and serve it")
        }
        if !member.isVoter {
            do {
                try await access.change(.promote(node: new.value))
            } catch let error as ThalwegError {
                // Seven voters are the most; the old one makes room.
                guard error.code == .invalidConfiguration, error.limit != nil else { throw error }
                try await access.handOver(from: old)
                try await access.change(.remove(node: old.value))
                try await access.change(.promote(node: new.value))
                return report()
            }
        }
        try await access.handOver(from: old)
        try await access.change(.remove(node: old.value))
        report()
    }

    private func report() {
        access.report(
            "node \(ClusterText.node(new.value)) takes the place of \(ClusterText.node(old.value))")
    }
}

struct ClusterTransfer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "transfer", abstract: "Hand leadership over.")

    @OptionGroup var access: ServerAccess
    @Argument(help: "The voter that shall lead; the one who is furthest if left out.")
    var node: NodeNumber?

    func run() async throws {
        try await access.change(.transfer(node: node?.value))
        access.report("leadership is handed over")
    }
}

struct ClusterSnapshot: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "snapshot", abstract: "Let a node take a snapshot now.",
        discussion: "The node that is asked takes it; the log before it can be dropped then.")

    @OptionGroup var access: ServerAccess

    func run() async throws {
        try await access.change(.snapshot)
        access.report("the snapshot is on the disk")
    }
}

extension ServerAccess {
    /// Lets another node lead if this one does: a leader cannot leave.
    func handOver(from node: NodeNumber) async throws {
        let info = try await clusterStatus()
        guard info.leader == node.value else { return }
        try await change(.transfer(node: nil))
    }
}
