package import ThalwegModel

extension ReplicaLog {
    /// What opening found.
    package struct Opened {
        package let log: ReplicaLog
        package let state: ReplicaState
        /// The newest state on disk.
        package let snapshot: SnapshotReader?
        /// The entries behind it. They are durable; whether they are committed only a leader knows.
        package let entries: LogReader
        package let warnings: [RecoveryWarning]
    }

    /// Opens the log, or makes one for a node of identity `node`.
    ///
    /// Throws what `LocalLog.open` throws.
    package static func open(
        storage: any Storage, options: LogOptions, newNode node: UInt64
    ) throws(ThalwegError) -> Opened {
        try options.validate()
        try storage.lock()
        do {
            return try recover(storage, options, node)
        } catch {
            storage.unlock()
            throw error
        }
    }

    private static func recover(
        _ storage: any Storage, _ options: LogOptions, _ node: UInt64
    ) throws(ThalwegError) -> Opened {
        let files = try ReplicaStateFiles(storage)
        // One copy may be all there is of what is about to count.
        if let state = files.current {
            if !files.areBothWhole { try files.save(state) }
        } else {
            try files.save(ReplicaState(node: node))
        }
        try finishInterrupted(storage, options, files)

        var plan = try RecoveryPlan(storage)
        if plan.logID == nil {
            try LocalLog.createFirstSegment(storage, options)
            for name in plan.superfluous { try storage.remove(name) }
            plan = try RecoveryPlan(storage)
        }
        guard let logID = plan.logID, let last = plan.segments.last, let state = files.current
        else {
            preconditionFailure("a log that exists has an id, a segment and a state")
        }
        let file = try plan.apply(storage)
        let writer = try SegmentWriter(
            storage: storage, options: options, logID: logID, file: file,
            firstIndex: last.firstIndex, offset: plan.tailOffset, lastIndex: plan.lastIndex)
        let snapshotIndex = plan.snapshotIndex ?? 0
        let log = ReplicaLog(
            storage: storage, options: options, logID: logID, files: files,
            places: SegmentPlaces(plan.segments.map(\.firstIndex)), writer: writer,
            snapshotIndex: snapshotIndex)
        let snapshot: SnapshotReader?
        if let index = plan.snapshotIndex {
            snapshot = try SnapshotReader(storage, name: LogFormat.snapshotName(at: index))
        } else {
            snapshot = nil
        }
        let entries = LogReader(
            storage: storage, segments: plan.segments, firstIndex: snapshotIndex + 1,
            lastIndex: plan.lastIndex)
        return Opened(
            log: log, state: state, snapshot: snapshot, entries: entries, warnings: plan.warnings)
    }

    /// Does again what the state files announce; each step may have happened or not.
    private static func finishInterrupted(
        _ storage: any Storage, _ options: LogOptions, _ files: ReplicaStateFiles
    ) throws(ThalwegError) {
        guard var state = files.current else { return }
        if state.truncateFrom > 0 {
            try cut(storage, from: state.truncateFrom)?.file.close()
            state.truncateFrom = 0
            try files.save(state)
        }
        if state.install > 0 {
            let name = LogFormat.snapshotName(at: state.install)
            if try storage.list().contains(name) {
                let logID = try SnapshotReader(storage, name: name).logID
                try replaceSegments(
                    storage, options, logID: logID, behind: state.install
                ).close()
            }
            state.install = 0
            try files.save(state)
        }
    }
}
