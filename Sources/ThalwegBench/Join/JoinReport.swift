/// What `bench join` found.
public struct JoinReport: Report {
    public var scenario = "join"
    public var commandLine: [String]
    public var machine: Machine
    public var seed: UInt64
    /// Before the other one came.
    public var nodes: Int
    public var entities: Int
    public var windowMs: Double
    /// Writes a second that were asked for.
    public var rate: Int
    /// From the start of the new node's process until it votes and has applied all that was committed then.
    public var secondsToCatchUp: Double
    /// `snapshot`, or `log` where the leader still had every entry.
    public var caughtUpBy: String
    /// Writes that were answered as committed, while nobody joined and while the node did.
    public var writesPerSecondBefore: Double
    public var writesPerSecondDuring: Double
    /// What is missing of the rate before, in percent; 0 where it was no less.
    public var dipPct: Double
    /// The same of the second in which the fewest were answered; nil where the node needed less than two.
    @Nullable public var worstSecondDipPct: Double?
    /// The largest time between two answers to batches that are sent 10 ms apart.
    @Nullable public var commitGapMsMaxBefore: Double?
    @Nullable public var commitGapMsMaxDuring: Double?
    /// Every node has the same state at the end.
    public var areEqual: Bool

    public var rows: [(label: String, figure: String)] {
        [
            ("cluster", "\(nodes) nodes and one more, \(Figure.count(Double(entities))) records"),
            ("caught up", "after \(Figure.text(secondsToCatchUp, 2)) s, by \(caughtUpBy)"),
            ("writes before", "\(Figure.count(writesPerSecondBefore))/s of \(rate)"),
            ("writes during", "\(Figure.count(writesPerSecondDuring))/s"),
            (
                "dip",
                "\(Figure.text(dipPct, 1)) %, worst second "
                    + Figure.optional(worstSecondDipPct, 1, " %")
            ),
            (
                "largest gap of commits",
                Figure.optional(commitGapMsMaxDuring, 1, " ms, ") + "before "
                    + Figure.optional(commitGapMsMaxBefore, 1, " ms")
            ),
            ("state of the nodes", areEqual ? "equal" : "DIFFERENT"),
        ]
    }
}
