public import ThalwegModel

extension LocalLog {
    public func snapshotWriter(at index: UInt64) throws(ThalwegError) -> SnapshotWriter {
        let writer = try makeSnapshotWriter(at: index)
        do throws(ThalwegError) {
            // Within the lock, so that whoever stops the log finds the thread.
            try state.change { (state) throws(ThalwegError) in
                state.snapshotThread = try LogThread.start(name: "log-snapshot") { writer.run() }
            }
        } catch {
            state.change { $0.snapshot = nil }
            throw error
        }
        return writer
    }

    /// A writer without a thread; tests call its `run()`.
    func makeSnapshotWriter(at index: UInt64) throws(ThalwegError) -> SnapshotWriter {
        // Its thread ended, or is past everything but returning.
        joinEndedSnapshot()
        let events = SnapshotWriter.Events(
            becameDurable: { [self] () throws(ThalwegError) in try snapshotBecameDurable(index) },
            ended: { [self] failure in snapshotEnded(failure) })
        let writer = SnapshotWriter(
            storage: storage, logID: logID, index: index, options: options, events: events)
        try state.change { (state) throws(ThalwegError) in
            try Self.checkRunning(state)
            guard state.snapshot == nil else {
                throw ThalwegError(
                    .tooManyRequests, "another snapshot is being written",
                    advice: "wait until it is finished")
            }
            let (durable, newest) = (state.statistics.durableIndex, state.statistics.snapshotIndex)
            guard index <= durable else {
                throw ThalwegError(
                    .notYet, "entry \(index) is not durable, entry \(durable) is",
                    advice: "take the snapshot of an entry that was committed", limit: durable,
                    value: index)
            }
            guard index > newest else {
                throw ThalwegError(
                    .invalidOptions,
                    "there is a snapshot of entry \(newest), \(index) is not newer",
                    advice: "take it after a later entry", limit: newest, value: index)
            }
            state.snapshot = writer
        }
        return writer
    }

    private func joinEndedSnapshot() {
        let thread = state.change { state -> LogThread? in
            guard state.snapshot == nil, let thread = state.snapshotThread else { return nil }
            state.snapshotThread = nil
            return thread
        }
        thread?.join()
    }

    /// Drops what the snapshot of `index` replaces. An error leaves files that the next opening
    /// removes; the snapshot is durable all the same.
    private func snapshotBecameDurable(_ index: UInt64) throws(ThalwegError) {
        let (previous, covered) = state.change { state -> (UInt64, [UInt64]) in
            let previous = state.statistics.snapshotIndex
            state.statistics.snapshotIndex = index
            // A segment is covered as a whole if its successor begins by `index + 1`. The last one
            // is being written to and stays.
            let next = state.segments.lastIndex { $0 <= index + 1 } ?? 0
            let covered = Array(state.segments[..<next])
            state.segments.removeFirst(next)
            state.statistics.segments = state.segments.count
            return (previous, covered)
        }
        if previous > 0 { try storage.remove(LogFormat.snapshotName(at: previous)) }
        for first in covered { try storage.remove(LogFormat.segmentName(first: first)) }
        if previous > 0 || !covered.isEmpty { try storage.synchronizeDirectory() }
    }

    private func snapshotEnded(_ failure: ThalwegError?) {
        if let failure, failure.code == .syncFailed { failFromElsewhere(failure) }
        state.change { $0.snapshot = nil }
    }
}
