import ThalwegModel

/// What `thalweg bench topic` can be told.
public struct StreamOptions: Hashable, Sendable {
    public var server = ServerOptions()
    /// Nodes that keep the topic, some rows each.
    public var nodes = [1]
    /// Clients that write at the same time, one row each.
    public var clients = [1, 3, 5]
    /// Of each client.
    public var messages = 10_000
    /// Messages that a client sends before it waits for an answer.
    public var inFlight = 1_024
    /// Runs of each row, of which the median counts: one takes some hundredths of a second.
    public var repeats = 9
    /// Of the row with one client that waits for each answer.
    public var sequentialMessages = 2_000
    /// Bytes of a value.
    public var valueBytes = 16
    /// The program that runs in the topic, by the name of an example or the path of a module; `nil`
    /// for none.
    public var program: String?
    public var quiet = false
    public var commandLine: [String] = []

    public init() {}

    func check() throws(ThalwegError) {
        for nodes in nodes { try LoadOptions.check("--nodes", nodes, 1...7) }
        for clients in clients { try LoadOptions.check("--clients", clients, 1...1_000) }
        try LoadOptions.check("--messages", messages, 1...10_000_000)
        try LoadOptions.check("--repeat", repeats, 1...1_000)
        // A session's answers are kept for twice as many.
        try LoadOptions.check("--in-flight", inFlight, 1...32_768)
        try LoadOptions.check("--value-bytes", valueBytes, 0...65_536)
    }
}
