/// What `thalweg bench bootstrap` can be told.
public struct BootstrapOptions: Hashable, Sendable {
    public var server = ServerOptions()
    /// The records, and the writes that go on in the second phase; 0 workers leave that out.
    public var load: LoadOptions
    /// Of the background writes; the bootstraps must fit in.
    public var duration = Duration.seconds(10)
    /// Bootstraps in each phase, one after the other.
    public var rounds = 3
    public var windowMilliseconds = 20
    public var quiet = false
    public var commandLine: [String] = []

    /// 100,000 records, then 100,000 writes a second.
    public init() {
        load = LoadOptions()
        load.entities = 100_000
        load.rate = 100_000
        load.workers = 2
        load.threads = 1
    }
}
