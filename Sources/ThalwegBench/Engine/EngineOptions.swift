import ThalwegModel

/// What `thalweg bench engine` can be told.
public struct EngineOptions: Hashable, Sendable {
    /// Workers are sources here, and take turns of a frame each.
    public var load = LoadOptions()
    public var duration = Duration.seconds(5)
    /// So many writes instead of a duration: what a count of instructions is divided by.
    public var writes: Int?
    /// Writes in a window. The server had 214,000 in 20 ms, with 10,000 records.
    public var windowWrites = 200_000
    public var quiet = false
    public var commandLine: [String] = []

    public init() {}

    func check() throws(ThalwegError) {
        try load.check()
        try LoadOptions.check("--workers", load.workers, 1...1_000)
        try LoadOptions.check("--window-writes", windowWrites, 1...10_000_000)
        if let writes { try LoadOptions.check("--writes", writes, 1...1_000_000_000) }
    }
}
