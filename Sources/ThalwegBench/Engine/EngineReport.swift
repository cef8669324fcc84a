import ThalwegEngine

/// What `bench engine` found: the path of a write without sockets and log, on one thread.
public struct EngineReport: Report {
    /// Processor time of a write in each stage, in nanoseconds.
    public struct Stages: Codable, Sendable {
        /// Frames are found and their sums checked.
        public var split: Double
        public var merge: Double
        public var seal: Double
        public var apply: Double

        public var sum: Double { split + merge + seal + apply }

        var text: String {
            let stages = [("split", split), ("merge", merge), ("seal", seal), ("apply", apply)]
            return "\(Figure.text(sum, 1)) ns: "
                + stages.map { "\($0) \(Figure.text($1, 1))" }.joined(separator: ", ")
        }
    }

    /// Bytes for each record.
    public struct Memory: Codable, Sendable {
        public var payload: Double
        /// Header and rounding: what a record has beside key and row.
        public var header: Double
        public var keyIndex: Double
        public var changeIndex: Double
        public var tombstones: Double
        public var windows: Double
        public var entries: Double
        public var overPayload: Double

        init(_ memory: TopicMemory, records: Int, payload: Double) {
            func share(_ bytes: Int) -> Double { Double(bytes) / Double(max(records, 1)) }
            self.payload = payload
            header = share(memory.records) - payload
            keyIndex = share(memory.keyIndex)
            changeIndex = share(memory.changeIndex)
            tombstones = share(memory.tombstones)
            windows = share(memory.windows)
            entries = share(memory.entries)
            overPayload = share(memory.total) - payload
        }

        var text: String {
            let parts = [
                ("header", header), ("keys", keyIndex), ("changes", changeIndex),
                ("tombstones", tombstones), ("windows", windows), ("entries", entries),
            ]
            return Figure.text(overPayload, 1) + " bytes: "
                + parts.map { "\($0) \(Figure.text($1, 1))" }.joined(separator: ", ")
        }
    }

    public var scenario = "engine"
    public var commandLine: [String]
    public var machine: Machine
    public var entities: Int
    public var workers: Int
    public var mix: String
    public var seed: UInt64
    public var windowWrites: Int
    public var bytesPerOp: Double

    /// Writes that were measured, those that filled the topic left out.
    public var ops: Int
    public var errors: Int
    public var windows: Int
    public var netChanges: Int
    /// The median of the windows.
    public var cpuNsPerOp: Stages
    /// Of the fastest window for each stage: what neighbours on the machine disturb least.
    public var fastestCpuNsPerOp: Stages
    /// Of one ASSERT of each record, one after the other.
    public var loadCpuNsPerOp: Double
    public var memoryAfterLoad: Memory
    public var memoryAtEnd: Memory

    public var rows: [(label: String, figure: String)] {
        [
            ("writes", "\(ops) over \(entities) records, \(windowWrites) in a window"),
            ("CPU a write", cpuNsPerOp.text),
            ("in the fastest window", fastestCpuNsPerOp.text),
            ("while it is filled", Figure.text(loadCpuNsPerOp, 1) + " ns"),
            ("net changes", "\(netChanges) in \(windows) windows"),
            ("memory when filled", memoryAfterLoad.text),
            ("memory at the end", memoryAtEnd.text),
            ("errors", "\(errors)"),
        ]
    }
}
