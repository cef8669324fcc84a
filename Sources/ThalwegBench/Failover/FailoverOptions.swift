import Foundation
import ThalwegModel

/// What `thalweg bench failover` can be told.
public struct FailoverOptions: Hashable, Sendable {
    /// Whom each kill ends.
    public enum Victim: String, Hashable, Sendable, CaseIterable {
        case leader, follower, all
    }

    public var cluster = ClusterShape()
    public var victim = Victim.leader
    /// How often somebody is killed.
    public var kills = 20
    /// Writes in one batch; the next is sent when one is answered.
    public var writesPerBatch = 10
    /// Batches that are answered between the end of one fail-over and the next kill, at least.
    public var batchesBetween = 100
    public var quiet = false
    public var commandLine: [String] = []

    public init() {}

    func check() throws(ThalwegError) {
        try LoadOptions.check("--nodes", cluster.nodes, 3...7)
        try LoadOptions.check("--kills", kills, 0...100_000)
        try LoadOptions.check("--batch", writesPerBatch, 1...10_000)
    }
}
