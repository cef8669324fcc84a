public import ThalwegLog
public import ThalwegModel
public import ThalwegPrograms
public import ThalwegTLS

/// How a server runs. `thalweg serve` fills this from its file, the environment and its flags.
public struct ServerOptions: Sendable {
    /// Where to listen: `host:port` (port 0 is any free one) or `unix:/path`.
    public var listen: [String] = ["127.0.0.1:3727"]
    /// Where log and snapshots live; made if it does not exist.
    public var dataDirectory = "thalweg-data"
    /// Event loops, each with one partition; 0 is one per core.
    public var loops = 0
    public var limits = Limits()
    public var log = LogOptions()
    /// The window of topics that do not say their own, in microseconds.
    public var windowMicroseconds: UInt32 = 20_000
    /// Log bytes after which a snapshot is taken, if the state is not larger than that.
    public var snapshotAfterBytes: UInt64 = 256 << 20
    /// Percent of an event loop's time that deliveries to subscribers may take while writes need the
    /// rest. Less keeps the rate of writes up under many subscribers; they hear of changes later
    /// then, more windows at a time.
    public var deliverySharePercent = 20
    /// The library that runs programs; `nil` for the first of the usual places that has it.
    public var programEngine: String?
    /// Bounds of programs. What became of a write follows from them, so they stay the same as long as
    /// the data does.
    public var programLimits = ProgramLimits()
    /// What clients are shown over TCP; where an authority is named they must show a certificate that
    /// it signed. Empty for plain text. Unix sockets are plain always: the file system guards them.
    public var tls = CertificateFiles()
    /// Listen on addresses beyond loopback although there is no authentication.
    public var allowsUnauthenticatedRemote = false
    /// Metrics, health and readiness over HTTP.
    public var metrics = MetricsOptions()
    /// Clients of the Redis protocol.
    public var redis = RedisOptions()
    /// HTTP with JSON.
    public var http = HTTPOptions()
    /// The cluster that this node belongs to; `nil` for a node that stands alone.
    public var cluster: ClusterOptions?

    public init() {}
}
