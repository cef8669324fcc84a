public import ThalwegModel

/// Reads everything that a data directory holds and checks every sum; changes nothing.
public struct LogVerifier {
    /// What was read, and what is wrong.
    public struct Report: Sendable {
        /// Segments, snapshots and files of histories read.
        public var files = 0
        /// Entries in the segments that are needed.
        public var entries: UInt64 = 0
        /// Payload bytes of those entries, and bytes in snapshots and histories.
        public var bytes: UInt64 = 0
        public var lastIndex: UInt64 = 0
        public var snapshotIndex: UInt64 = 0
        /// What opening would put right.
        public var warnings: [RecoveryWarning] = []
        /// The first damage found; nil if the log would open.
        public var firstError: ThalwegError?
    }

    private let storage: any Storage
    /// Where the histories' files are, on a real disk.
    private let directory: String?

    public init(storage: any Storage) {
        self.storage = storage
        directory = nil
    }

    public init(directory: String) throws(ThalwegError) {
        storage = try DiskStorage(path: directory)
        self.directory = directory
    }

    /// Damage is in the report; thrown is what kept it from being made: `dataDirectoryInUse`
    /// while a node has the directory, or `storageFailed`.
    public func verify() throws(ThalwegError) -> Report {
        try storage.lock()
        defer { storage.unlock() }
        var report = Report()
        do throws(ThalwegError) {
            let plan = try RecoveryPlan(storage, verifiesSnapshots: true)
            report.entries = plan.entries
            report.bytes = plan.payloadBytes
            report.lastIndex = plan.lastIndex
            report.snapshotIndex = plan.snapshotIndex ?? 0
            report.warnings = plan.warnings
        } catch {
            report.firstError = error
        }
        for name in try storage.list().sorted() {
            do throws(ThalwegError) {
                try read(name, into: &report)
            } catch {
                guard error.code != .storageFailed else { throw error }
                report.firstError = report.firstError ?? error
            }
        }
        if let error = report.firstError, error.code == .storageFailed { throw error }
        try readHistory(into: &report)
        return report
    }

    private func readHistory(into report: inout Report) throws(ThalwegError) {
        guard let directory, HistoryShelf.isThere(directory: directory) else { return }
        do throws(ThalwegError) {
            let history = try HistoryShelf(directory: directory).verify()
            report.files += history.files
            report.bytes += UInt64(history.bytes)
        } catch {
            guard error.code != .storageFailed else { throw error }
            report.firstError = report.firstError ?? error
        }
    }

    /// Snapshots are read whole whether or not they serve. Of segments only the headers are left to
    /// check here: those that are needed were read with the plan, the others are about to go.
    private func read(_ name: String, into report: inout Report) throws(ThalwegError) {
        if LogFormat.snapshotIndex(name: name) != nil {
            report.files += 1
            let reader = try SnapshotReader(storage, name: name)
            report.bytes += reader.byteCount
            try reader.verify()
        } else if LogFormat.segmentIndex(name: name) != nil {
            report.files += 1
            let (cursor, header) = try RecordCursor.open(storage, name)
            _ = try SegmentWalk(cursor, first: header.firstIndex, limit: nil)
        }
    }
}
