/// What `thalweg bench records` can be told.
public struct RecordsOptions: Hashable, Sendable {
    public var server = ServerOptions()
    /// `entities` is the number of records; `--records` sets it too.
    public var load: LoadOptions
    /// Of the random writes over all records, and again of those over 10,000.
    public var duration = Duration.seconds(10)
    public var windowMilliseconds = 20
    /// Restart the server on the data and time its first answer; needs a server of its own.
    public var restart = true
    public var quiet = false
    public var commandLine: [String] = []

    /// Ten million records, four workers.
    public init() {
        load = LoadOptions()
        load.entities = 10_000_000
        load.workers = 4
    }
}
