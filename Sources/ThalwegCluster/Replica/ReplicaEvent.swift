public import ThalwegLog

/// What a replica tells the state machine, in one order that is the same for everybody who listens.
public enum ReplicaEvent: Sendable {
    /// Committed, and durable here. Barriers and members are among them, so that indices have no
    /// gap.
    case committed([LogEntry])
    /// This node leads and has applied all that earlier leaders left: it may take writes.
    case leads(term: UInt64)
    /// This node no longer leads. What it appended and was not told of as committed may yet become
    /// so, through another leader, or never: whoever waits is to be told that nobody knows.
    case follows
    /// Who leads, as far as known; `none` while nobody is.
    case leader(NodeID)
    /// The state as of `index` takes the place of the one there is: read it from the log's newest
    /// snapshot, and say `hasRestored`. Nothing is committed until then.
    case restored(index: UInt64)
}
