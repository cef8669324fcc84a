/// What `bench records` found.
public struct RecordsReport: Report {
    public var scenario = "records"
    public var commandLine: [String]
    public var machine: Machine
    public var seed: UInt64
    public var workers: Int
    public var mix: String

    public var records: Int
    public var windowMs: Double
    /// Key and row of a record, without any frame.
    public var payloadBytesPerRecord: Double
    public var loadSeconds: Double
    public var loadOpsPerSecond: Double
    /// The server's own count of its memory, less the payload.
    @Nullable public var memoryBytesPerRecordOverPayload: Double?
    /// What the process grew by in the kernel's eyes, less the payload.
    @Nullable public var rssBytesPerRecordOverPayload: Double?
    @Nullable public var rssBytes: UInt64?

    /// Random writes over all records.
    public var opsPerSecond: Double
    @Nullable public var serverCpuNsPerOp: Double?
    /// Random writes over 10,000 records of another topic on the same server.
    public var tenThousandOpsPerSecond: Double
    public var ratioToTenThousand: Double
    public var errors: Int
    @Nullable public var logBytes: UInt64?

    /// Until the server had ended in good order.
    @Nullable public var stopSeconds: Double?
    /// From the start of the new process until it said that it listens.
    @Nullable public var restartSeconds: Double?
    /// From the start of the new process until it had answered a read of one record.
    @Nullable public var restartFirstReadMs: Double?
    @Nullable public var recordsAfterRestart: UInt64?

    enum CodingKeys: String, CodingKey {
        case scenario
        case commandLine
        case machine
        case seed
        case workers
        case mix
        case records
        case windowMs
        case payloadBytesPerRecord
        case loadSeconds
        case loadOpsPerSecond
        case memoryBytesPerRecordOverPayload
        case rssBytesPerRecordOverPayload
        case rssBytes
        case opsPerSecond
        case serverCpuNsPerOp
        case tenThousandOpsPerSecond = "ops_per_second_10k"
        case ratioToTenThousand = "ratio_to_10k"
        case errors
        case logBytes
        case stopSeconds
        case restartSeconds
        case restartFirstReadMs
        case recordsAfterRestart
    }

    public var rows: [(label: String, figure: String)] {
        [
            ("records", Figure.count(Double(records))),
            ("loaded at", "\(Figure.count(loadOpsPerSecond))/s"),
            ("payload a record", Figure.text(payloadBytesPerRecord, 1) + " bytes"),
            ("memory beside it", Figure.optional(memoryBytesPerRecordOverPayload, 1, " bytes")),
            ("RSS beside it", Figure.optional(rssBytesPerRecordOverPayload, 1, " bytes")),
            ("random writes", "\(Figure.count(opsPerSecond))/s"),
            ("server CPU a write", Figure.optional(serverCpuNsPerOp, 1, " ns")),
            (
                "over 10,000 records",
                "\(Figure.count(tenThousandOpsPerSecond))/s, "
                    + "ratio \(Figure.text(ratioToTenThousand, 2))"
            ),
            ("errors", "\(errors)"),
            ("restart", Figure.optional(restartSeconds, 2, " s until it listens")),
            ("first read", Figure.optional(restartFirstReadMs, 0, " ms after the start")),
        ]
    }
}
