package import ThalwegModel

extension ReplicaLog {
    /// Drops durable entries from `index` on. Any error ends the log; opening finishes the cut.
    package func truncate(from index: UInt64) throws(ThalwegError) {
        precondition(index > snapshotIndex && index <= durableIndex, "cut what is there")
        var state = self.state
        state.truncateFrom = index
        try files.save(state)
        writer.closeAbruptly()
        guard let end = try Self.cut(storage, from: index) else {
            throw .damaged(
                LogFormat.segmentName(first: writer.firstIndex), at: 0,
                "entry \(index - 1) was durable")
        }
        writer = try SegmentWriter(
            storage: storage, options: options, logID: logID, file: end.file,
            firstIndex: end.firstIndex, offset: end.offset, lastIndex: index - 1)
        places.truncate(from: index)
        state.truncateFrom = 0
        try files.save(state)
    }

    struct End {
        let file: any StorageFile
        let firstIndex: UInt64
        let offset: UInt64
    }

    /// Makes the files end before entry `index`, durably. May be repeated after a crash at any
    /// point. Nil if they end earlier, which is for `RecoveryPlan` to judge.
    ///
    /// Segments go from the last to the first, so that what is left is a log at any time but for
    /// the seal of its last segment, which goes with the cut.
    static func cut(_ storage: any Storage, from index: UInt64) throws(ThalwegError) -> End? {
        var firsts = try storage.list().compactMap { LogFormat.segmentIndex(name: $0) }.sorted()
        while firsts.count > 1, let last = firsts.last, last >= index {
            try storage.remove(LogFormat.segmentName(first: last))
            firsts.removeLast()
        }
        try storage.synchronizeDirectory()
        guard let first = firsts.last else { return nil }
        let name = LogFormat.segmentName(first: first)
        let (cursor, _) = try RecordCursor.open(storage, name)
        let walk = try SegmentWalk(cursor, first: first, limit: index)
        guard walk.nextIndex == index else { return nil }
        let file = try storage.open(name, .readWrite)
        try file.truncate(to: walk.endOffset)
        do throws(ThalwegError) {
            try file.preallocate(sizeBytes: cursor.fileBytes)
        } catch  where error.code == .diskFull {
            // The next write finds out and says so.
        }
        try file.synchronize()
        return End(file: file, firstIndex: first, offset: walk.endOffset)
    }
}
