/// Bounds and times of a replica.
public struct ReplicaOptions: Sendable, Hashable {
    public var consensus = ConsensusOptions()
    /// Entries kept in memory for followers, beyond those on their way to the disk.
    public var cacheBytes = 64 << 20
    /// Entries written and synced as one group.
    public var groupBytes = 8 << 20
    /// Entries in one message to a follower; a larger entry travels alone.
    public var messageBytes = 1 << 20
    /// Entries on the way to a follower and not answered; more follow the answers.
    public var windowBytes = 8 << 20
    /// Entries that are not answered are sent again after this time, if the core asks.
    public var resendMilliseconds: UInt64 = 1_000
    /// Entries kept on disk before a snapshot, so that a follower who lags needs no snapshot.
    public var trailingEntries = 10_000
    /// The disk that those may take.
    public var trailingBytes = 256 << 20
    /// An unanswered piece of a snapshot is sent again after this time.
    public var pieceMilliseconds: UInt64 = 1_000
    /// A full disk is tried again after this time.
    public var diskRetryMilliseconds: UInt64 = 500

    public init() {}
}
