internal import Synchronization
package import ThalwegModel

/// The log of a node in a cluster, as far as the disk goes: no thread of its own, no consensus.
///
/// Segments, snapshots and their rules are those of a node that stands alone (`LogFormat.swift`).
/// What comes with a cluster:
///  - records carry terms, and snapshots their place in the history of leaders;
///  - a vote is durable before it counts (`ReplicaState.swift`);
///  - entries that another leader never agreed to are cut off the end, and a snapshot from another
///    node takes the place of everything. Both take several steps, so each is announced in the
///    state files first and taken back there last; opening finishes what a crash interrupted.
///
/// One thread calls; `entries`, `snapshotReader`, `snapshotIndex` and `firstIndex` may be used from
/// another one at the same time, for entries that are durable and stay.
package final class ReplicaLog: @unchecked Sendable {
    // Safe: `writer` and `files` belong to the one thread; `places` has a lock of its
    // own, and `newestSnapshot` is atomic.
    let storage: any Storage
    let options: LogOptions
    let logID: UInt64
    let files: ReplicaStateFiles
    let places: SegmentPlaces
    var writer: SegmentWriter
    private let newestSnapshot: Atomic<UInt64>
    package let syncTimes = SyncTimes()

    /// Synchronisations of segments, for entries and marks. Any thread.
    package var syncs: UInt64 { syncTimes.histogram.count }

    /// Segments that hold entries. Any thread.
    package var segmentCount: Int { places.count }

    /// The newest snapshot's index, 0 without one. Any thread.
    package internal(set) var snapshotIndex: UInt64 {
        get { newestSnapshot.load(ordering: .acquiring) }
        set { newestSnapshot.store(newValue, ordering: .releasing) }
    }

    init(
        storage: any Storage, options: LogOptions, logID: UInt64, files: ReplicaStateFiles,
        places: SegmentPlaces, writer: SegmentWriter, snapshotIndex: UInt64
    ) {
        self.storage = storage
        self.options = options
        self.logID = logID
        self.files = files
        self.places = places
        self.writer = writer
        newestSnapshot = Atomic(snapshotIndex)
    }

    /// Everything up to here is durable.
    package var durableIndex: UInt64 { writer.durableIndex }

    /// What the state files say.
    package var state: ReplicaState {
        guard let state = files.current else { preconditionFailure("an open log has a state") }
        return state
    }

    /// Makes identity, term and vote durable. After `disk_full` the call may be made again; any
    /// other error ends the log.
    package func save(_ state: ReplicaState) throws(ThalwegError) {
        try files.save(state)
    }

    /// Makes entries durable that follow `durableIndex`. After `disk_full` some may be: see
    /// `durableIndex`, and call again with the rest. Any other error ends the log.
    package func append(_ entries: [LogEntry]) throws(ThalwegError) {
        defer { noteSyncs() }
        var rest = entries.drop { $0.index <= durableIndex }
        while let first = rest.first {
            var count = writer.countFitting(rest)
            if count == 0 {
                try writer.roll(payloadBytes: first.payload.count)
                places.append(segment: writer.firstIndex)
                count = writer.countFitting(rest)
                precondition(count > 0, "a new segment has room for the entry it was made for")
            }
            places.note(first.index, at: writer.endOffset, segment: writer.firstIndex)
            try writer.persist(rest.prefix(count))
            rest = rest.dropFirst(count)
        }
    }

    /// States behind the last record that it is durable; when the log falls idle.
    package func writeMark() throws(ThalwegError) {
        defer { noteSyncs() }
        do throws(ThalwegError) {
            try writer.writeMark()
        } catch  where error.code == .diskFull {
            // A mark only helps to tell damage from a torn write; what it states is durable.
        }
    }

    /// Counts what the writer of this segment did since it was asked last.
    private func noteSyncs() {
        syncTimes.add(writer.takeSyncs())
    }

    /// Reads entries from `index` on, up to `last` or about `maximumBytes`, at least one.
    ///
    /// Throws `too_old` for entries that are gone, `log_damaged`, `storage_failed`.
    package func entries(
        from index: UInt64, through last: UInt64, maximumBytes: Int
    ) throws(ThalwegError) -> [LogEntry] {
        var entries: [LogEntry] = []
        var bytes = 0
        var next = index
        while next <= last, bytes < maximumBytes || entries.isEmpty {
            guard let (segment, place) = places.place(before: next) else {
                throw ThalwegError(
                    .tooOld, "entry \(next) is no longer in the log",
                    advice: "begin with a snapshot", limit: places.all.first?.firstIndex,
                    value: next)
            }
            let (cursor, _) = try RecordCursor.open(storage, LogFormat.segmentName(first: segment))
            cursor.move(to: place.offset)
            var at = place.index
            while at <= last, bytes < maximumBytes || entries.isEmpty {
                let offset = cursor.offset
                let step = try cursor.next(expecting: at)
                if case .seal = step, !entries.isEmpty { break }
                guard case .entry(let header, let payload) = step else {
                    throw .damaged(cursor.name, at: offset, "entry \(at) was durable here")
                }
                places.note(at, at: offset, segment: segment)
                if at >= next {
                    entries.append(LogEntry(header, payload))
                    bytes += payload.count + LogFormat.recordHeaderBytes
                }
                at += 1
            }
            next = max(next, at)
        }
        return entries
    }

    /// The first index of the oldest segment that is kept if those up to entry `index` may take
    /// about `bytes`. Any thread.
    package func firstIndex(within bytes: UInt64, before index: UInt64) -> UInt64 {
        var sum: UInt64 = 0
        var first = index + 1
        for segment in places.all.reversed() where segment.firstIndex <= index {
            sum += max(segment.bytes, UInt64(LogFormat.segmentHeaderBytes))
            if sum > bytes { break }
            first = segment.firstIndex
        }
        return first
    }

    /// Ends with a synced mark and gives the directory back.
    package func close() {
        do throws(ThalwegError) {
            try writer.close()
        } catch {
            // Without the mark the tail is as after a crash, which is what opening expects.
        }
        files.close()
        storage.unlock()
    }

    /// Closes the files and leaves everything as it is.
    package func closeAbruptly() {
        writer.closeAbruptly()
        files.close()
        storage.unlock()
    }
}
