import Foundation
import ThalwegModel

/// What `thalweg bench failover` can be told.
public struct FailoverOptions: Hashable, Sendable {
    /// Whom each kill ends.
    public enum Victim: String, Hashable, Sendable, CaseIterable {
        case leader, follower, all
    }

    public var nodes = 3
    public var victim = Victim.leader
    /// How often somebody is killed.
    public var kills = 20
    /// Writes in one batch; the next is sent when one is answered.
    public var writesPerBatch = 10
    /// Batches that are answered between the end of one fail-over and the next kill, at least.
    public var batchesBetween = 100
    /// For `thalweg serve`; nil for its defaults.
    public var electionTimeout: String?
    public var heartbeat: String?
    /// The command that the nodes are; nil for the running one.
    public var executable: String?
    /// A folder on the disk that the logs are to be on; nil for the system's temporary one.
    public var scratchFolder: String?
    public var quiet = false
    public var commandLine: [String] = []

    public init() {}

    var shape: ClusterShape {
        ClusterShape(
            nodes: nodes, electionTimeout: electionTimeout, heartbeat: heartbeat,
            executable: executable, scratchFolder: scratchFolder)
    }

    func check() throws(ThalwegError) {
        try LoadOptions.check("--nodes", nodes, 3...7)
        try LoadOptions.check("--kills", kills, 0...100_000)
        try LoadOptions.check("--batch", writesPerBatch, 1...10_000)
    }
}
