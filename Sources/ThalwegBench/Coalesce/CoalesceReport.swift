/// What `bench coalesce` found.
public struct CoalesceReport: Report {
    public var scenario = "coalesce"
    public var commandLine: [String]
    public var machine: Machine
    public var seed: UInt64
    public var workers: Int
    public var entities: Int
    public var mix: String
    public var hotPct: Int
    public var windowMs: Double

    public var durationS: Double
    public var ops: Int
    public var opsPerSecond: Double
    public var errors: Int
    /// Changes of all records, by their versions.
    public var netChanges: UInt64
    /// Writes for each net change, over all records.
    public var coalescingRatio: Double

    public var hotRecords: Int
    public var hotWrites: Int
    public var hotNetChanges: UInt64
    /// Writes to hot records for each net change of a hot record.
    public var hotCoalescingRatio: Double
    public var writesPerHotRecordPerWindow: Double

    public var checkedRecords: Int
    /// Records whose row, or absence, is not the fold of all writes to them.
    public var mismatches: Int
    public var netStateEqualsFold: Bool
    public var serverCounters: [String: UInt64]

    public var rows: [(label: String, figure: String)] {
        [
            ("writes", "\(Figure.count(Double(ops))) in \(Figure.text(durationS, 2)) s"),
            ("rate", "\(Figure.count(opsPerSecond))/s (the client folds every write)"),
            ("errors", "\(errors)"),
            ("writes a net change", Figure.text(coalescingRatio, 1)),
            ("of hot records", Figure.text(hotCoalescingRatio, 1)),
            ("writes a hot record a window", Figure.text(writesPerHotRecordPerWindow, 1)),
            ("records checked", "\(checkedRecords), \(mismatches) differ from the fold"),
        ]
    }
}
