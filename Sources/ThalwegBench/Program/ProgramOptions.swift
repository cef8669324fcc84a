import ThalwegModel

/// What `thalweg bench program` can be told.
public struct ProgramOptions: Hashable, Sendable {
    /// One of the examples, or the path of a module.
    public var program = "Transfer"
    public var duration = Duration.seconds(5)
    /// Writes in a batch, as one frame brings them.
    public var batch = 1_000
    /// Batches in an entry of the log.
    public var batchesPerEntry = 1
    /// Bytes of a value, for a program that takes any.
    public var valueBytes = 16
    public var quiet = false
    public var commandLine: [String] = []

    public init() {}

    func check() throws(ThalwegError) {
        try LoadOptions.check("--batch", batch, 1...65_536)
        try LoadOptions.check("--batches-per-entry", batchesPerEntry, 1...65_536)
        try LoadOptions.check("--value-bytes", valueBytes, 0...65_536)
    }
}
