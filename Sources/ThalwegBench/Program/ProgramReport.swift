/// What `bench program` found: writes through a program in the engine, on one core.
public struct ProgramReport: Report {
    public var scenario = "program"
    public var commandLine: [String]
    public var machine: Machine
    public var program: String
    public var moduleBytes: Int
    /// Writes in a batch.
    public var batchSize: Int
    public var batchesPerEntry: Int
    public var calls: UInt64
    public var callsPerSecond: Double
    public var nsPerCall: Double
    /// Of processor time; less than the above says who else wanted the core.
    public var cpuNsPerCall: Double
    /// The same writes to a topic without a program, in the same run.
    public var plainNsPerWrite: Double
    public var plainCpuNsPerWrite: Double
    /// Calls that were not accepted.
    public var errors: UInt64

    public var rows: [(label: String, figure: String)] {
        [
            (
                program,
                "\(Figure.count(callsPerSecond)) calls/s, \(batchesPerEntry) × \(batchSize) in an entry"
            ),
            (
                "a call",
                "\(Figure.text(nsPerCall, 0)) ns, \(Figure.text(cpuNsPerCall, 0)) ns of CPU"
            ),
            (
                "without a program",
                "\(Figure.text(plainNsPerWrite, 0)) ns a write, "
                    + "\(Figure.text(plainCpuNsPerWrite, 0)) ns of CPU"
            ),
            ("errors", "\(errors)"),
        ]
    }
}
