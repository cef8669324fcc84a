public import ThalwegTLS

/// What configuration says about the node's cluster. What it leaves out, the data directory knows, if
/// the node belongs to one.
public struct ClusterSettings: Sendable, Hashable {
    /// Where to listen for other nodes, `host:port`; empty for what the data directory says.
    public var listen = ""
    /// Where other nodes reach this one; empty for `listen`.
    public var advertise = ""
    /// Where clients reach this node; empty for the first address that it listens on.
    public var advertiseClients = ""
    /// Makes a new directory the first node of a new cluster.
    public var founds = false
    /// Makes a new directory a node of the cluster that one of these nodes belongs to: their
    /// addresses for clients.
    public var join: [String] = []
    /// A node that joins stays a learner: it serves reads and has no say.
    public var staysLearner = false
    /// A member whose data is damaged sets it aside and fetches the others', as a new member in its own
    /// place.
    public var refetches = false
    /// The file with the secret that all nodes share; empty for none.
    public var secretFile = ""
    /// What nodes show one another, and the authority of all of them; empty for plain text.
    public var certificates = CertificateFiles()
    /// Nodes may prove the secret and go on in plain text, beyond loopback too.
    public var allowsPlainText = false
    /// How long followers wait for a word of their leader before they elect another.
    public var electionMilliseconds = 500
    /// How often a leader that has nothing to say is heard.
    public var heartbeatMilliseconds = 100

    /// Entries that the log keeps before a snapshot, so that a follower who lags needs none.
    public var keptEntries = 10_000

    public init() {}
}
