/// What opening a data directory gave.
///
/// Load `snapshot` if there is one, apply `entries` to its end, then start `log`.
public struct OpenedLog {
    public let log: LocalLog
    /// The newest state on disk; nil if the log holds everything.
    public let snapshot: SnapshotReader?
    /// The entries after the snapshot. All of them are durable.
    public let entries: LogReader
    /// What was found and put right.
    public let warnings: [RecoveryWarning]
}
