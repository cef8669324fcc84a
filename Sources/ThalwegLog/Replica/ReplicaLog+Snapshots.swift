package import ThalwegModel

extension ReplicaLog {
    /// A snapshot being written on the caller's thread: from another node, or in a simulation.
    package final class Incoming {
        package let index: UInt64
        private let file: SnapshotFile
        private var isPublished = false
        /// Bytes taken so far.
        package private(set) var bytes: UInt64 = 0

        init(index: UInt64, file: SnapshotFile) {
            self.index = index
            self.file = file
        }

        package func append(_ piece: [UInt8]) throws(ThalwegError) {
            try file.append(piece)
            bytes += UInt64(piece.count)
        }

        /// Makes what was taken durable, still without a name that counts.
        package func complete() throws(ThalwegError) { try file.complete() }

        /// Makes it a snapshot of this node's own; `noteSnapshot` is due then.
        package func finish() throws(ThalwegError) {
            try complete()
            try publish()
        }

        /// Gives it its name, once.
        func publish() throws(ThalwegError) {
            guard !isPublished else { return }
            try file.publish()
            isPublished = true
        }

        /// Removes what was written.
        package func discard() throws(ThalwegError) { try file.discard() }
    }

    /// Begins a file for the state after entry `index`. Two of one index may not exist at a time.
    package func beginIncoming(
        at index: UInt64, place: SnapshotPlace
    ) throws(ThalwegError) -> Incoming {
        Incoming(
            index: index,
            file: try SnapshotFile(
                storage: storage, logID: logID, index: index, place: place,
                syncBytes: options.snapshotSyncBytes))
    }

    /// Puts a complete snapshot from another node in the place of everything. After `disk_full` the
    /// call may be made again; any other error ends the log, and opening finishes what was begun.
    package func install(_ snapshot: Incoming) throws(ThalwegError) {
        precondition(snapshot.index > snapshotIndex, "a snapshot replaces an older state")
        var state = self.state
        state.install = snapshot.index
        try files.save(state)
        try snapshot.publish()
        let file = try Self.replaceSegments(
            storage, options, logID: logID, behind: snapshot.index)
        writer.closeAbruptly()
        writer = try SegmentWriter(
            storage: storage, options: options, logID: logID, file: file,
            firstIndex: snapshot.index + 1, offset: UInt64(LogFormat.segmentHeaderBytes),
            lastIndex: snapshot.index)
        places.replace([snapshot.index + 1])
        snapshotIndex = snapshot.index
        state.install = 0
        try files.save(state)
    }

    /// Makes a snapshot of this node's own count, and drops what comes before `first` of the log.
    package func publish(_ snapshot: Incoming, keepingFrom first: UInt64) throws(ThalwegError) {
        try snapshot.publish()
        try noteSnapshot(at: snapshot.index, keepingFrom: first)
    }

    /// As `publish`, for a snapshot that has its name already. One that an installed snapshot has
    /// overtaken is removed.
    package func noteSnapshot(at index: UInt64, keepingFrom first: UInt64) throws(ThalwegError) {
        let obsolete = index > snapshotIndex ? snapshotIndex : index
        if obsolete > 0 { try storage.remove(LogFormat.snapshotName(at: obsolete)) }
        if index > snapshotIndex {
            snapshotIndex = index
            for covered in places.dropPrefix(before: min(first, index + 1)) {
                try storage.remove(LogFormat.segmentName(first: covered))
            }
        }
        try storage.synchronizeDirectory()
    }

    /// The newest snapshot, to be read from the start; nil without one.
    package func snapshotReader() throws(ThalwegError) -> SnapshotReader? {
        guard snapshotIndex > 0 else { return nil }
        return try SnapshotReader(storage, name: LogFormat.snapshotName(at: snapshotIndex))
    }

    /// A writer with a thread of its own, for the state after entry `index`. `ended` is told how it
    /// went, on that thread; then `noteSnapshot` is due.
    package func snapshotWriter(
        at index: UInt64, place: SnapshotPlace,
        ended: @escaping @Sendable (ThalwegError?) -> Void
    ) throws(ThalwegError) -> (writer: SnapshotWriter, thread: LogThread) {
        let writer = SnapshotWriter(
            storage: storage, logID: logID, index: index, place: place, options: options,
            events: SnapshotWriter.Events(becameDurable: {}, ended: ended))
        return (writer, try LogThread.start(name: "log-snapshot") { writer.run() })
    }

    /// Leaves one empty segment behind entry `index`, and no snapshot but that of `index`. May be
    /// repeated after a crash at any point.
    static func replaceSegments(
        _ storage: any Storage, _ options: LogOptions, logID: UInt64, behind index: UInt64
    ) throws(ThalwegError) -> any StorageFile {
        let file = try SegmentWriter.create(
            storage: storage, logID: logID, firstIndex: index + 1,
            sizeBytes: UInt64(options.segmentBytes))
        for name in try storage.list().sorted() {
            if let first = LogFormat.segmentIndex(name: name), first != index + 1 {
                try storage.remove(name)
            }
            if let other = LogFormat.snapshotIndex(name: name), other != index {
                try storage.remove(name)
            }
        }
        try storage.synchronizeDirectory()
        return file
    }
}
