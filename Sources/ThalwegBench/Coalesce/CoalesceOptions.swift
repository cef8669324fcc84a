/// What `thalweg bench coalesce` can be told.
public struct CoalesceOptions: Hashable, Sendable {
    public var server = ServerOptions()
    public var load: LoadOptions
    public var duration = Duration.seconds(10)
    public var windowMilliseconds = 20
    public var quiet = false
    public var commandLine: [String] = []

    /// 10,000 records, a tenth of them hot.
    public init() {
        load = LoadOptions()
        load.hotPercent = 10
    }
}
