/// What `bench bootstrap` found. Seconds are medians of the rounds.
public struct BootstrapReport: Report {
    public var scenario = "bootstrap"
    public var commandLine: [String]
    public var machine: Machine
    public var seed: UInt64
    public var entities: Int
    public var windowMs: Double
    public var rounds: Int

    /// Changes of the first bootstrap: one for each record.
    public var records: Int
    /// Of its frames.
    public var bytes: Int
    /// From the sending of SUBSCRIBE until the newest state of all records was decoded.
    public var seconds: Double
    public var secondsOfRounds: [Double]
    public var recordsPerSecond: Double

    /// Background writes that were asked for, and done.
    public var rate: Int
    @Nullable public var writesPerSecond: Double?
    /// Changes until caught up: more than records where some changed meanwhile.
    @Nullable public var changesUnderWrites: Int?
    @Nullable public var bytesUnderWrites: Int?
    @Nullable public var secondsUnderWrites: Double?
    @Nullable public var secondsUnderWritesOfRounds: [Double]?
    @Nullable public var recordsPerSecondUnderWrites: Double?
    /// The largest gap between two committed answers to a writer of one write each 10 ms, while the
    /// bootstraps went on; 10 where nothing was in its way.
    @Nullable public var writeStallMsMax: Double?
    /// The same under the same writes, before the first bootstrap.
    @Nullable public var writeGapMsMaxBefore: Double?
    public var errors: Int

    public var rows: [(label: String, figure: String)] {
        [
            ("records", "\(Figure.count(Double(records))), \(Figure.count(Double(bytes))) bytes"),
            (
                "bootstrap",
                "\(Figure.text(seconds, 3)) s, \(Figure.count(recordsPerSecond)) records/s"
            ),
            ("writes meanwhile", writesPerSecond.map { Figure.count($0) + "/s" } ?? "–"),
            ("bootstrap under them", Figure.optional(secondsUnderWrites, 3, " s")),
            ("largest gap of commits", Figure.optional(writeStallMsMax, 1, " ms")),
            ("before the bootstraps", Figure.optional(writeGapMsMaxBefore, 1, " ms")),
            ("errors", "\(errors)"),
        ]
    }
}
