internal import ThalwegModel

/// The core's times and bounds.
public struct ConsensusOptions: Sendable, Hashable {
    /// A follower that heard nothing for one to two of these stands for election.
    public var electionMilliseconds: UInt32 = 500
    /// A leader is heard of this often.
    public var heartbeatMilliseconds: UInt32 = 100
    /// A leader offers its snapshot again after this time.
    public var installMilliseconds: UInt32 = 30_000
    /// Entries that a follower may have unanswered.
    public var entriesInFlight: UInt32 = 1024
    /// Of the election timer: nodes of one cluster need different ones.
    public var seed: UInt32 = 1

    public init() {}

    func validate() throws(ThalwegError) {
        guard (10...60_000).contains(electionMilliseconds),
            heartbeatMilliseconds >= 1, heartbeatMilliseconds * 2 <= electionMilliseconds
        else {
            throw ThalwegError(
                .invalidConfiguration,
                "an election timeout of \(electionMilliseconds) ms with heartbeats each "
                    + "\(heartbeatMilliseconds) ms",
                advice: "10–60,000 ms, and at least two heartbeats within it")
        }
        guard (1...65_536).contains(entriesInFlight) else {
            throw .exceeded(
                .invalidConfiguration, "the number of entries in flight",
                value: Int(entriesInFlight), limit: 65_536, advice: "1–65,536")
        }
    }
}
