import ArgumentParser
import ThalwegClient
import ThalwegText

struct ClusterStatus: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status", abstract: "Show the members of a cluster, and who leads.",
        discussion: """
            As the node knows it that is asked; how far each member has come only the leader knows, so it is \
            asked too where it can be reached.
            """)

    @OptionGroup var access: ServerAccess

    func run() async throws {
        var info = try await access.clusterStatus()
        let leader = info.members.first { $0.node == info.leader }?.clientAddress ?? ""
        if info.node != info.leader, !leader.isEmpty {
            var there = access
            there.server = leader
            // A leader that is gone says nothing; what the asked node knows is still true.
            if let told = try? await there.clusterStatus(),
                told.cluster == info.cluster
            {
                info = told
            }
        }
        writeLine(access.json ? ClusterText.json(info).text : ClusterText.table(info))
    }
}
