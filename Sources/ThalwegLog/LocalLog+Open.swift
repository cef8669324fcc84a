public import ThalwegModel

extension LocalLog {
    /// Opens the log in a directory of the file system, making both if they do not exist.
    /// Errors as the other `open`.
    public static func open(
        directory: String, options: LogOptions = LogOptions()
    ) throws(ThalwegError) -> OpenedLog {
        try open(storage: DiskStorage(path: directory), options: options)
    }

    /// Opens the log, making it if there is none: recovers as `LogFormat.swift` describes.
    ///
    /// Throws `dataDirectoryInUse`, `logDamaged` (with file, offset and what to do), `diskFull`,
    /// `syncFailed`, `storageFailed`, `unsupportedVersion`, `invalidConfiguration`.
    public static func open(
        storage: any Storage, options: LogOptions = LogOptions()
    ) throws(ThalwegError) -> OpenedLog {
        try options.validate()
        try storage.lock()
        do throws(ThalwegError) {
            guard try !ReplicaStateFiles.exist(in: storage) else {
                throw ThalwegError(
                    .invalidConfiguration, "this data directory belongs to a node of a cluster",
                    advice: "start it with the cluster's configuration")
            }
            return try recover(storage, options)
        } catch {
            storage.unlock()
            throw error
        }
    }

    private static func recover(
        _ storage: any Storage, _ options: LogOptions
    ) throws(ThalwegError) -> OpenedLog {
        var plan = try RecoveryPlan(storage)
        if plan.logID == nil {
            try createFirstSegment(storage, options)
            for name in plan.superfluous { try storage.remove(name) }
            plan = try RecoveryPlan(storage)
        }
        guard let logID = plan.logID, let last = plan.segments.last else {
            preconditionFailure("a log that exists has an id and a segment")
        }
        let file = try plan.apply(storage)
        let snapshotIndex = plan.snapshotIndex ?? 0
        let writer = try SegmentWriter(
            storage: storage, options: options, logID: logID, file: file,
            firstIndex: last.firstIndex, offset: plan.tailOffset, lastIndex: plan.lastIndex)
        let log = LocalLog(
            storage: storage, options: options, logID: logID, writer: writer,
            lastIndex: plan.lastIndex, segments: plan.segments.map(\.firstIndex),
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
        return OpenedLog(
            log: log, snapshot: snapshot, entries: entries, warnings: plan.warnings)
    }

    static func createFirstSegment(
        _ storage: any Storage, _ options: LogOptions
    ) throws(ThalwegError) {
        let file = try SegmentWriter.create(
            storage: storage, logID: UInt64.random(in: 1 ... .max), firstIndex: 1,
            sizeBytes: UInt64(options.segmentBytes))
        file.close()
    }
}

extension RecoveryPlan {
    /// Puts right what the plan found, makes everything that will be served durable, and returns
    /// the last segment's file. A crash in between leaves a directory that gives the same plan.
    func apply(_ storage: any Storage) throws(ThalwegError) -> any StorageFile {
        guard let last = segments.last, let logID else {
            preconditionFailure("a plan is applied where there is a log")
        }
        // What was read may be in the operating system's memory only, if a process died between
        // writing and syncing. It is about to be served, so it must be durable first.
        if segments.count > 1 {
            let file = try storage.open(segments[segments.count - 2].name, .readWrite)
            defer { file.close() }
            if let unsealed {
                try file.truncate(to: unsealed.offset)
                let seal = SegmentWriter.control(
                    .seal, nextIndex: last.firstIndex, durableIndex: last.firstIndex - 1,
                    seed: Checksum.seed(logID))
                try file.writeFully(seal.bytes(0..<seal.count), at: unsealed.offset)
            }
            try file.synchronize()
        }
        let file = try storage.open(last.name, .readWrite)
        if let cut {
            try file.truncate(to: cut.offset)
            do {
                try file.preallocate(sizeBytes: cut.fileBytes)
            } catch  where error.code == .diskFull {
                // Reads are served without the room; the first write finds out and says so.
            }
        }
        try file.synchronize()
        try storage.synchronizeDirectory()

        for name in damagedSnapshots { try storage.rename(name, to: name + ".damaged") }
        for name in superfluous { try storage.remove(name) }
        if !damagedSnapshots.isEmpty || !superfluous.isEmpty { try storage.synchronizeDirectory() }
        return file
    }
}
