internal import ThalwegModel

/// What a directory holds and what must be done to open it. Making a plan only reads.
///
/// The rules and why they hold are in `LogFormat.swift`.
struct RecoveryPlan {
    struct Segment {
        let name: String
        let firstIndex: UInt64
    }

    struct Cut {
        let name: String
        let offset: UInt64
        let fileBytes: UInt64
    }

    /// Nil: there is no log yet.
    var logID: UInt64?
    /// The snapshot that serves.
    var snapshotIndex: UInt64?
    var damagedSnapshots: [String] = []
    /// The segments that are needed, oldest first.
    var segments: [Segment] = []
    /// Files that a newer snapshot made superfluous, or that a crash left half made.
    var superfluous: [String] = []
    var lastIndex: UInt64 = 0
    /// Where the next record goes in the last segment.
    var tailOffset: UInt64 = 0
    /// What to cut from the last segment.
    var cut: Cut?
    /// A segment that lost its seal while its successor was still empty: cut there and sealed anew.
    var unsealed: Cut?
    var warnings: [RecoveryWarning] = []
    /// What was read, for the verifier.
    var entries: UInt64 = 0
    var payloadBytes: UInt64 = 0

    /// Reads the directory. `verifiesSnapshots` reads every block of the newest one too, which is
    /// otherwise left to whoever loads it.
    init(_ storage: any Storage, verifiesSnapshots: Bool = false) throws(ThalwegError) {
        var snapshots: [UInt64] = []
        for name in try storage.list() {
            if let first = LogFormat.segmentIndex(name: name) {
                segments.append(Segment(name: name, firstIndex: first))
            } else if let index = LogFormat.snapshotIndex(name: name) {
                snapshots.append(index)
            } else if LogFormat.isTemporary(name: name) {
                superfluous.append(name)
            }
        }
        segments.sort { $0.firstIndex < $1.firstIndex }
        snapshots.sort(by: >)
        if segments.isEmpty && snapshots.isEmpty { return }

        try chooseSnapshot(storage, snapshots, verifiesSnapshots)
        try dropCoveredSegments()
        try walkSegments(storage, newestSnapshot: snapshots.first ?? 0)
    }

    // MARK: Snapshots

    /// Takes the newest valid snapshot. It is read as a whole only where there is a choice: with
    /// nothing to fall back to, the reader finds the damage just as well.
    private mutating func chooseSnapshot(
        _ storage: any Storage, _ snapshots: [UInt64], _ verifies: Bool
    ) throws(ThalwegError) {
        let logIsWhole = segments.first?.firstIndex == 1
        var firstError: ThalwegError?
        for (position, index) in snapshots.enumerated() {
            let name = LogFormat.snapshotName(at: index)
            if snapshotIndex != nil {
                superfluous.append(name)
                continue
            }
            let hasAlternative = logIsWhole || position + 1 < snapshots.count
            do {
                let reader = try SnapshotReader(storage, name: name)
                if hasAlternative || verifies { try reader.verify() }
                snapshotIndex = index
                logID = reader.logID
            } catch {
                guard error.code == .logDamaged, hasAlternative else { throw firstError ?? error }
                firstError = firstError ?? error
                damagedSnapshots.append(name)
                warnings.append(
                    RecoveryWarning(
                        kind: .damagedSnapshot, file: name, offset: 0, bytes: 0,
                        message: "\(error.message); set aside as \(name).damaged, "
                            + "an older snapshot or the log from its start serves"))
            }
        }
    }

    private mutating func dropCoveredSegments() throws(ThalwegError) {
        let needed = (snapshotIndex ?? 0) + 1
        guard let start = segments.lastIndex(where: { $0.firstIndex <= needed }) else {
            let name = LogFormat.segmentName(first: needed)
            throw .damaged(
                segments.first?.name ?? name, at: 0,
                "the segment with entry \(needed) is missing; the log must go on from there")
        }
        superfluous += segments[..<start].map(\.name)
        segments.removeFirst(start)
    }

    // MARK: Segments

    private mutating func walkSegments(
        _ storage: any Storage, newestSnapshot: UInt64
    ) throws(ThalwegError) {
        for (position, segment) in segments.enumerated() {
            let (cursor, header) = try RecordCursor.open(storage, segment.name)
            guard logID == nil || logID == header.logID else {
                throw .damaged(segment.name, at: 16, "it belongs to another log")
            }
            logID = header.logID
            let isLast = position == segments.count - 1
            let limit = isLast ? nil : segments[position + 1].firstIndex
            let walk = try SegmentWalk(cursor, first: segment.firstIndex, limit: limit)
            entries += walk.entries
            payloadBytes += walk.payloadBytes
            if let limit {
                let isSecondLast = position == segments.count - 2
                try checkInner(cursor, walk, next: limit, isSecondLast: isSecondLast)
            } else {
                try checkLast(cursor, walk, newestSnapshot: newestSnapshot)
            }
        }
    }

    /// A segment with a successor: every record of it was durable before that one existed.
    private mutating func checkInner(
        _ cursor: RecordCursor, _ walk: SegmentWalk, next: UInt64, isSecondLast: Bool
    ) throws(ThalwegError) {
        guard walk.nextIndex == next else {
            if case .sealed = walk.end {
                throw .damaged(
                    LogFormat.segmentName(first: walk.nextIndex), at: 0,
                    "the segment is missing, the log goes on with entry \(next)")
            }
            throw .damaged(
                cursor.name, at: walk.endOffset,
                "\(walk.reason) where entry \(walk.nextIndex) was durable")
        }
        if case .sealed = walk.end {
            let tail = try cursor.tail(from: walk.restOffset, missing: .max)
            guard tail.usedEnd == nil else {
                throw .damaged(cursor.name, at: walk.restOffset, "bytes behind the seal")
            }
            return
        }
        guard isSecondLast else {
            throw .damaged(cursor.name, at: walk.endOffset, "\(walk.reason) where its seal was")
        }
        unsealed = Cut(name: cursor.name, offset: walk.endOffset, fileBytes: cursor.fileBytes)
    }

    /// The last segment: its last group may be incomplete, and then nobody was told of it.
    private mutating func checkLast(
        _ cursor: RecordCursor, _ walk: SegmentWalk, newestSnapshot: UInt64
    ) throws(ThalwegError) {
        if case .sealed = walk.end {
            throw .damaged(
                LogFormat.segmentName(first: walk.nextIndex), at: 0,
                "the segment is missing although the one before it was sealed")
        }
        lastIndex = walk.nextIndex - 1
        tailOffset = walk.endOffset
        let tail = try cursor.tail(from: walk.restOffset, missing: walk.nextIndex)
        if let evidence = tail.evidence {
            throw .damaged(
                cursor.name, at: walk.endOffset,
                "\(walk.reason) where entry \(walk.nextIndex) belongs, and the record at byte "
                    + "\(evidence.offset) says that entry \(evidence.durableIndex) was durable")
        }
        guard lastIndex >= newestSnapshot else {
            throw .damaged(
                cursor.name, at: walk.endOffset,
                "\(walk.reason) where entry \(walk.nextIndex) belongs, and there is a snapshot of "
                    + "entry \(newestSnapshot)")
        }
        if let unsealed {
            guard case .zeros = walk.end, walk.entries == 0, tail.usedEnd == nil else {
                throw .damaged(unsealed.name, at: unsealed.offset, "its seal is gone")
            }
        }
        guard let usedEnd = tail.usedEnd else { return }
        cut = Cut(name: cursor.name, offset: walk.endOffset, fileBytes: cursor.fileBytes)
        let bytes = usedEnd - walk.endOffset
        warnings.append(
            RecoveryWarning(
                kind: .tornTail, file: cursor.name, offset: walk.endOffset, bytes: bytes,
                message: "\(cursor.name) ended in \(bytes) bytes at byte \(walk.endOffset) of a "
                    + "group that was never acknowledged (\(walk.reason)); they are cut, the log "
                    + "ends with entry \(lastIndex)"))
    }
}
