/// What `thalweg bench write` can be told.
public struct WriteOptions: Hashable, Sendable {
    public var server = ServerOptions()
    public var load = LoadOptions()
    public var duration = Duration.seconds(10)
    /// The topic's window.
    public var windowMilliseconds = 20
    /// Connections that watch the topic meanwhile.
    public var subscribers = 0
    /// Subscribers begin with all records, not with the next change.
    public var bootstrap = false
    /// Subscribers ask for the row before each change.
    public var includePrevious = false
    /// Measure a ``Sink`` with the same load too.
    public var sink = false
    /// Measure Redis too: `spawn`, or the address of one that runs.
    public var redis: String?
    /// No progress on standard error.
    public var quiet = false
    /// The command line, for the report.
    public var commandLine: [String] = []

    public init() {}
}
