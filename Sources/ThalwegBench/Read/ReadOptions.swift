/// What `thalweg bench read` can be told.
public struct ReadOptions: Hashable, Sendable {
    public var server = ServerOptions()
    /// Of the background writes; its `rate` is replaced by each of ``rates``.
    public var load: LoadOptions
    /// Background writes a second, one phase each.
    public var rates = [0, 100_000, 200_000]
    /// Of each phase.
    public var duration = Duration.seconds(5)
    public var windowMilliseconds = 20
    /// The system places threads on cores; otherwise the reader, the server and the echoes share one.
    public var spread = false
    /// Beside pipelined reads, those of Redis: `HOST:PORT`, or `spawn` for one that is started.
    public var redis: String?
    public var quiet = false
    public var commandLine: [String] = []

    public init() {
        load = LoadOptions()
        load.workers = 2
        load.threads = 1
    }
}
