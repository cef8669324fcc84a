import ThalwegModel
import ThalwegTLS

extension Setting {
    /// What makes a node one of a cluster. The first start writes it into the data directory.
    static let cluster: [Setting] = [
        text(
            "cluster.listen",
            "Where to listen for other nodes: HOST:PORT. The port is kept for ever.",
            get: { $0.cluster.listen }, set: { $0.cluster.listen = $1 }),
        text(
            "cluster.advertise", "Where other nodes reach this one; empty for cluster.listen.",
            get: { $0.cluster.advertise }, set: { $0.cluster.advertise = $1 }),
        text(
            "cluster.advertiseClients",
            "Where clients reach this node; empty for the first address of listen.",
            get: { $0.cluster.advertiseClients }, set: { $0.cluster.advertiseClients = $1 }),
        flag(
            "cluster.init", \.cluster.founds,
            "Make the data directory the first node of a new cluster; what is in it stays."),
        Setting(
            key: "cluster.join",
            summary: "Make an empty data directory a node of the cluster of these nodes: their "
                + "addresses for clients."
        ) {
            .texts($0.cluster.join)
        } set: { configuration, value throws(ThalwegError) in
            guard case .texts(let addresses) = value else { throw wrongKind("cluster.join") }
            for address in addresses { _ = try ListenAddress(address) }
            configuration.cluster.join = addresses
        },
        flag(
            "cluster.learner", \.cluster.staysLearner,
            "A node that joins stays a learner: it serves reads and has no say."),
        flag(
            "cluster.refetch", \.cluster.refetches,
            "A member whose data is damaged sets it aside and fetches the others', as a new member."
        ),
        text(
            "cluster.secretFile",
            "A file with the secret that all nodes share, 16 bytes or more; empty for none.",
            get: { $0.cluster.secretFile }, set: { $0.cluster.secretFile = $1 }),
        text(
            "cluster.certificateFile",
            "What other nodes are shown, in PEM; for the host of cluster.advertise. Empty for no TLS.",
            get: { $0.cluster.certificates.certificate },
            set: { $0.cluster.certificates.certificate = $1 }),
        text(
            "cluster.keyFile", "The key of that certificate, in PEM, without a passphrase.",
            get: { $0.cluster.certificates.key }, set: { $0.cluster.certificates.key = $1 }),
        text(
            "cluster.caFile", "Who signs the certificates of all nodes, in PEM.",
            get: { $0.cluster.certificates.authority },
            set: { $0.cluster.certificates.authority = $1 }),
        flag(
            "cluster.allowPlaintext", \.cluster.allowsPlainText,
            "Let nodes that prove the secret talk in plain text beyond loopback."),
        milliseconds(
            "cluster.electionTimeout", 10...60_000, \.cluster.electionMilliseconds,
            "Silence of a leader after which another is elected; at least two heartbeats."),
        milliseconds(
            "cluster.heartbeat", 1...30_000, \.cluster.heartbeatMilliseconds,
            "How often a leader that has nothing to say is heard."),
        number(
            "cluster.keptEntries", 100...100_000_000, \.cluster.keptEntries,
            "Entries of the log kept before a snapshot, within 256 MiB: who lags less needs none."),
    ]
}
