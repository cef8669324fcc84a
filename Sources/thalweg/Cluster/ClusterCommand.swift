import ArgumentParser

struct ClusterCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cluster",
        abstract: "Make nodes a cluster, look at it and change it.",
        discussion: """
            The first node:     thalweg cluster init --data d1 --listen HOST:4001 --cluster-listen HOST:5001
                                thalweg serve --data d1
            each further node:  thalweg cluster join --data d2 --listen HOST:4002 --cluster-listen HOST:5002 \\
                                    --server HOST:4001
                                thalweg serve --data d2

            Changes are asked of any node; the command goes to the one that leads.
            """,
        subcommands: [
            ClusterInit.self, ClusterJoin.self, ClusterStatus.self, ClusterPromote.self,
            ClusterDemote.self, ClusterRemove.self, ClusterReplace.self, ClusterTransfer.self,
            ClusterSnapshot.self,
        ])
}
