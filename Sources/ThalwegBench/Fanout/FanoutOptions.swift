/// What `thalweg bench fanout` can be told.
public struct FanoutOptions: Hashable, Sendable {
    public var server = ServerOptions()
    /// The records, and the writes that are told to the subscribers.
    public var load: LoadOptions
    /// Of the writes without subscribers, and again of those with them.
    public var duration = Duration.seconds(5)
    public var subscribers = 1_000
    /// Filters that differ; each takes an equal part of the keys, and an equal part of the
    /// subscribers has it.
    public var filters = 10
    public var subscriptionsPerConnection = 1_000
    public var windowMilliseconds = 20
    public var quiet = false
    public var commandLine: [String] = []

    /// 10,000 records, 10,000 writes a second.
    public init() {
        load = LoadOptions()
        load.rate = 10_000
        load.workers = 2
        load.threads = 1
    }

    /// The filter of subscriber `number`.
    func filter(of number: Int) -> String {
        let part = number % filters
        let (first, end) = (
            load.entities * part / filters, load.entities * (part + 1) / filters
        )
        return "key >= \(first) and key < \(end)"
    }
}
